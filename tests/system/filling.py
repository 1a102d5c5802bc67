"""A tenant filled by any steps: what an export has to cope with."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from catrelay.problems import Problem
from tests.tenants import Document, Tenants

_names = st.sampled_from(["North", "South", "East"])
_codes = st.sampled_from([None, None, "N", "S"])


_ACTS = (
    "category",
    "value",
    "value",
    "value",
    "org",
    "remap",
    "remap",
    "inactivate",
    "restore",
    "undo",
    "job",
    "job",
    "user",
    "candidate",
)


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
        self._users: list[int] = []

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
            "manager": {"id": self._users[step.other % len(self._users)]} if self._users else None,
            "categories": [{"category": category, "values": values} for category, values in references.items()],
        }
        self._call("/jobs", body)

    def _user(self, step: Step) -> None:
        orgs = [value for category, value in self._values if category == self._categories[0]]
        body = {
            "externalId": step.key and f"user-{step.key}",
            "person": {"givenName": step.name},
            "login": {"entityID": "idp", "nameID": str(step.one)} if step.flag else None,
            "orgs": orgs[step.other % 2 :: 2],
        }
        user = self._call("/users", body)["id"]
        self._users.append(user)
        if step.one % 4 == 0:
            self._ats.call(self._tenant, "PATCH", f"/users/byID/{user}", {"activeFlag": False})

    def _candidate(self, step: Step) -> None:
        chosen = [(category, value) for category, value in self._values if category != self._categories[0]]
        references = [{"category": category, "values": [value]} for category, value in chosen[step.one % 3 :][:1]]
        self._call("/candidates", {"person": {"givenName": step.name}, "categories": references})
