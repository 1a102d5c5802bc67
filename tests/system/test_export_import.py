"""A tenant exported and imported into another, against a real ATS on each database."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catrelay.exchange.nodes import Node, end_of
from catrelay.exchange.records import Records
from catrelay.problems import Problem
from tests.tenants import Document, Tenants, tenants

_names = st.sampled_from(["North", "South", "East"])
_codes = st.sampled_from([None, None, "N", "S"])


_ACTS = ("category", "value", "value", "value", "org", "remap", "remap", "inactivate", "restore", "undo", "job", "job")


@dataclass(frozen=True)
class Step:
    """One thing that is done to a tenant; what it names is drawn from what is there by then."""

    act: str
    name: str
    code: str | None
    key: int | None
    one: int
    other: int
    flag: bool


steps = st.builds(
    Step,
    act=st.sampled_from(_ACTS),
    name=_names,
    code=_codes,
    key=st.sampled_from([None, None, 1, 2, 3]),
    one=st.integers(0, 99),
    other=st.integers(0, 99),
    flag=st.booleans(),
)


class Filling:
    """Fills a tenant step by step; what the ATS refuses does not happen."""

    def __init__(self, ats: Tenants, tenant: str) -> None:
        self._ats = ats
        self._tenant = tenant
        orgs = ats.call(tenant, "GET", "")["orgsCategory"]
        self._categories = [orgs]
        self._values: list[tuple[int, int]] = []

    def fill(self, script: list[Step]) -> None:
        for step in script:
            with suppress(Problem):
                getattr(self, f"_{step.act}")(step)

    def _call(self, path: str, body: Document) -> Any:
        given = {name: member for name, member in body.items() if member is not None}
        return self._ats.call(self._tenant, "POST", path, given)

    def _category(self, step: Step) -> None:
        rules = {"mandatory": step.flag and step.one > 50, "canMultiSelect": step.one % 2 == 0}
        body = {"name": step.name, "code": step.code, "jobRules": rules, "key": "LOCATION" if step.one > 70 else None}
        self._categories.append(self._call("/categories", body)["id"])

    def _value(self, step: Step) -> None:
        category = self._categories[-1]
        mates = [value for within, value in self._values if within == category]
        parent = mates[step.other % len(mates)] if mates and step.flag else None
        body = {
            "name": step.name,
            "code": step.code,
            "externalId": step.key and f"key-{step.key}",
            "parent": parent,
            "sequence": step.one if step.one > 80 else None,
        }
        self._values.append((category, self._call(f"/categories/byID/{category}/values", body)["id"]))

    def _org(self, step: Step) -> None:
        value = self._call("/orgs/values", {"name": step.name, "code": step.code})["id"]
        self._values.append((self._categories[0], value))

    def _change(self, step: Step, **members: Any) -> None:
        if not self._values:
            return
        category, value = self._values[step.one % len(self._values)]
        self._call(f"/categories/byID/{category}/values", {"id": value, **members})

    def _undo(self, step: Step) -> None:
        journal = self._ats.call(self._tenant, "GET", "/categories/remapped")["results"]
        remaps = [entry for entry in journal if entry["operation"] == "remap"]
        if remaps:
            entry = remaps[step.one % len(remaps)]
            self._call(f"/categories/byID/{entry['category']}/values/undo", {"seq": entry["seq"]})

    def _remap(self, step: Step) -> None:
        if self._values:
            category, _ = self._values[step.one % len(self._values)]
            mates = [value for within, value in self._values if within == category]
            self._change(step, available=False, remappedTo=mates[step.other % len(mates)])

    def _inactivate(self, step: Step) -> None:
        self._change(step, available=False)

    def _restore(self, step: Step) -> None:
        self._change(step, available=True)

    def _job(self, step: Step) -> None:
        references: dict[int, list[int]] = {}
        for category, value in self._values[step.one % 3 :: 3]:
            references.setdefault(category, []).append(value)
        orgs = references.pop(self._categories[0], [None])
        body = {
            "title": step.name,
            "code": step.code,
            "externalId": step.key and f"job-{step.key}",
            "templateFlag": step.flag or None,
            "status": "active",
            "org": orgs[0],
            "categories": [{"category": category, "values": values} for category, values in references.items()],
        }
        self._call("/jobs", body)


@pytest.fixture
def ats(database_url: str) -> Iterator[Tenants]:
    with tenants(database_url) as found:
        yield found


_numbers = count(1)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(source=st.lists(steps, max_size=20), there=st.just([]) | st.lists(steps, max_size=12))
def test_the_target_has_what_the_source_has_and_a_repeat_changes_nothing(
    ats: Tenants, tmp_path: Path, source: list[Step], there: list[Step]
) -> None:
    number = next(_numbers)
    acme, beta, map_file = f"acme{number}", f"beta{number}", tmp_path / f"{number}.map"
    Filling(ats, acme).fill(source)
    Filling(ats, beta).fill(there)
    before = ats.everything(beta)
    content = ats.export(acme)

    ats.import_(content, beta, map_file)

    after = ats.everything(beta)
    assert_same(ats.everything(acme), after, before, map_file)
    assert ats.import_(content, beta, map_file).writes == 0
    assert ats.everything(beta) == after


def assert_same(source: Document, target: Document, before: Document, map_file: Path) -> None:
    records = Records(map_file)
    categories = records.targets("category")
    values = records.targets("value")
    jobs = records.targets("job")
    records.close()
    assert len(set(values.values())) == len(values)
    for category, document in source["categories"].items():
        found = target["categories"][categories[category]]
        assert {name: found[name] for name in document if name != "id"} == {
            name: member for name, member in document.items() if name != "id"
        }
    for category, nodes in source["values"].items():
        for node in nodes.values():
            assert_same_value(node, nodes, target["values"][categories[category]], values)
    ends = {node.id: end_of(node, nodes) for nodes in source["values"].values() for node in nodes.values()}
    for job in source["jobs"].values():
        assert_same_job(
            job, target["jobs"][jobs[job["id"]]], categories, {i: values[e.id] for i, e in ends.items() if e}
        )
    for category, nodes in before["values"].items():
        for node in nodes.values():
            if node.id not in values.values():
                assert target["values"][category][node.id] == node


def assert_same_value(node: Node, nodes: dict[int, Node], there: dict[int, Node], values: dict[int, int]) -> None:
    found = there[values[node.id]]
    assert found.available == node.available
    assert found.name == node.name
    assert found.parent == (None if node.parent is None else values[node.parent])
    for name in ("code", "external_id", "sequence", "location"):
        if getattr(node, name) is not None:
            assert getattr(found, name) == getattr(node, name)
    end, found_end = end_of(node, nodes), end_of(found, there)
    if end is not None:
        assert found_end is not None
        assert found_end.id == values[end.id]


def assert_same_job(job: Document, found: Document, categories: dict[int, int], values: dict[int, int]) -> None:
    for name in ("title", "code", "externalId", "templateFlag", "status"):
        if name in job:
            assert found[name] == job[name]
    if "org" in job:
        assert found["org"] == values[job["org"]]
    wanted = {categories[e["category"]]: {values[v] for v in e["values"]} for e in job.get("categories", ())}
    mapped = {
        e["category"]: set(e["values"]) for e in found.get("categories", ()) if e["category"] in categories.values()
    }
    assert mapped == wanted
