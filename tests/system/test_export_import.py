"""A tenant exported and imported into another, against a real ATS on each database."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.command import run_command
from tests.system.filling import Filling, Step, steps
from tests.system.sameness import assert_same, without_links
from tests.tenants import Document, Tenants, tenants


@pytest.fixture
def ats(database_url: str) -> Iterator[Tenants]:
    with tenants(database_url) as found:
        yield found


_numbers = count(1)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
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


RESUME = {"data": "JVBERi0xLjcK", "fileName": "ada.pdf", "via": "device"}


def moved(ats: Tenants) -> dict[str, int]:
    """Fills the tenant acme with one of everything; ids by name."""
    ids: dict[str, int] = {}

    def make(name: str, path: str, /, **body: Any) -> None:
        ids[name] = ats.call("acme", "POST", path, body)["id"]

    make("skills", "/categories", name="Skills", code="SK")
    values = f"/categories/byID/{ids['skills']}/values"
    for name in ("it", "data", "law"):
        make(name, values, name=name)
    make("hq", "/orgs/values", name="Head office", externalId="hq")
    make("boss", "/users", person={"givenName": "Grace", "email": "grace@example.com"}, orgs=[ids["hq"]], manager={})
    make("clerk", "/users", login={"entityID": "idp", "nameID": "clerk"})
    skills = [{"category": ids["skills"], "values": [ids["data"]]}]
    make("job", "/jobs", title="Analyst", org=ids["hq"], manager={"id": ids["boss"]}, categories=skills)
    make("template", "/jobs", title="Any", templateFlag=True, recruiter={"id": ids["clerk"]})
    ats.call("acme", "PATCH", f"/users/byID/{ids['clerk']}", {"activeFlag": False})
    note = {"type": "file", "name": "note", "value": {**RESUME, "fileName": "note.pdf"}}
    nested = {"type": "cascade", "name": "more", "value": [{"choice": "yes", "subItems": [note]}]}
    make("ada", "/candidates", person={"givenName": "Ada"}, resume=RESUME, items=[note, nested], categories=skills)
    make("twin", "/candidates", person={"givenName": "Ada"})
    ats.call("acme", "POST", values, {"id": ids["data"], "available": False, "remappedTo": ids["it"]})
    rules = {"mandatory": True, "canMultiSelect": False, "leafSelectionOnly": True}
    ats.call("acme", "POST", f"/categories/byID/{ids['skills']}", {"jobRules": rules})
    return ids


def test_everything_moves_with_its_references_and_files(ats: Tenants, tmp_path: Path) -> None:
    moved(ats)
    ats.call("beta", "POST", "/categories", {"name": "Ids of beta are others"})

    imported = ats.import_(ats.export("acme"), "beta", tmp_path / "map")

    assert imported.told == []
    beta = ats.everything("beta")
    skills = next(c for c in beta["categories"].values() if c["name"] == "Skills")
    assert skills["code"] == "SK"
    assert skills["jobRules"] == {"mandatory": True, "canMultiSelect": False, "leafSelectionOnly": True}
    it, data = (next(v for v in beta["values"][skills["id"]].values() if v.name == name) for name in ("it", "data"))
    assert (data.available, data.remapped_to) == (False, it.id)
    (hq,) = beta["values"][beta["orgs"]].values()
    boss, clerk = sorted(beta["users"].values(), key=lambda user: "login" in user)
    assert (boss["person"]["givenName"], boss["orgs"], boss["manager"]) == ("Grace", [hq.id], {})
    assert (clerk["login"]["nameID"], clerk["activeFlag"]) == ("clerk", False)
    job, template = sorted(beta["jobs"].values(), key=lambda job: "templateFlag" in job)
    assert (job["org"], job["manager"]["id"]) == (hq.id, boss["id"])
    assert job["categories"] == [{"category": skills["id"], "values": [it.id]}]
    assert (template["templateFlag"], template["recruiter"]["id"]) == (True, clerk["id"])
    ada, twin = sorted(beta["candidates"].values(), key=lambda candidate: "items" not in candidate)
    assert ada["categories"] == job["categories"]
    assert twin["person"] == ada["person"]
    note, nested = (package["item"]["value"] for package in ada["items"])
    files = [ada["resumeMeta"], note, nested[0]["subItems"][0]["value"]]
    assert [file["fileName"] for file in files] == ["ada.pdf", "note.pdf", "note.pdf"]
    assert {ats.download("beta", file["preSignedUri"]) for file in files} == {b"%PDF-1.7\n"}


@pytest.mark.parametrize("keeps_map", [True, False])
def test_a_repeat_writes_nothing_also_when_its_map_is_lost(ats: Tenants, tmp_path: Path, keeps_map: bool) -> None:
    moved(ats)
    content = ats.export("acme")
    ats.import_(content, "beta", tmp_path / "map")
    before = ats.everything("beta")

    again = ats.import_(content, "beta", tmp_path / ("map" if keeps_map else "another"))

    assert without_links(ats.everything("beta")) == without_links(before)
    assert again.told == []
    assert again.writes == 0 if keeps_map else again.counts["value"]["unchanged"] == 4


def test_a_later_export_brings_what_was_changed_since_and_nothing_else(ats: Tenants, tmp_path: Path) -> None:
    ids = moved(ats)
    ats.import_(ats.export("acme"), "beta", tmp_path / "map")
    values = f"/categories/byID/{ids['skills']}/values"
    ats.call("acme", "POST", values, {"id": ids["law"], "name": "Legal"})
    ats.call("acme", "PATCH", f"/jobs/byID/{ids['job']}", {"title": "Analyst (f/m)"})
    ats.call("acme", "PATCH", f"/candidates/byID/{ids['twin']}", {"person": {"familyName": "Lovelace"}})
    late = ats.call("acme", "POST", values, {"name": "late"})["id"]
    ats.call("acme", "POST", values, {"id": ids["it"], "available": False, "remappedTo": late})

    imported = ats.import_(ats.export("acme"), "beta", tmp_path / "map")

    assert imported.told == []
    assert sorted(imported.shown) == sorted(
        [
            ("made", "value", late),
            ("changed", "value", ids["it"]),
            ("changed", "value", ids["law"]),
            ("changed", "job", ids["job"]),
            ("changed", "candidate", ids["twin"]),
        ]
    )
    (job,) = [job for job in ats.everything("beta")["jobs"].values() if "templateFlag" not in job]
    skills = {value.id: value for each in ats.everything("beta")["values"].values() for value in each.values()}
    assert [skills[value].name for value in job["categories"][0]["values"]] == ["late"]


def test_a_dry_run_says_what_an_import_does_and_writes_nothing(ats: Tenants, tmp_path: Path) -> None:
    moved(ats)
    content = ats.export("acme")
    empty = ats.everything("beta")

    foreseen = ats.import_(content, "beta", tmp_path / "map", dry_run=True)

    assert ats.everything("beta") == empty
    assert not (tmp_path / "map").exists()
    assert foreseen == ats.import_(content, "beta", tmp_path / "map")


def test_what_fails_is_told_and_the_rest_is_done(ats: Tenants, tmp_path: Path) -> None:
    ids = moved(ats)
    own = ats.call("beta", "POST", "/categories", {"name": "Skills"})["id"]
    parent = ats.call("beta", "POST", f"/categories/byID/{own}/values", {"name": "data"})["id"]
    ats.call("beta", "POST", f"/categories/byID/{own}/values", {"name": "of beta", "parent": parent})
    content = ats.export("acme").replace(b'"name":"data"', b'"name":"data","code":"D"')
    ats.call("beta", "POST", f"/categories/byID/{own}/values", {"id": parent, "code": "D"})

    imported = ats.import_(content, "beta", tmp_path / "map")

    assert imported.told[:-1] == [
        f"value {ids['data']}: Value {parent} still has available children: move or inactivate them first"
    ]
    assert imported.counts["value"] == {"made": 3, "changed": 0, "unchanged": 0, "failed": 1}
    assert imported.counts["job"]["made"] == 2


def test_what_refers_to_something_that_fails_fails_with_it_until_that_is_mended(ats: Tenants, tmp_path: Path) -> None:
    ids = moved(ats)
    below = {"name": "below", "parent": ids["it"]}
    child = ats.call("acme", "POST", f"/categories/byID/{ids['skills']}/values", below)["id"]
    whole = ats.export("acme")
    broken = whole.replace(b'"name":"it"', b'"name":" "').replace(b'"givenName":"Grace"', b'"image":"nowhere"')

    imported = ats.import_(broken, "beta", tmp_path / "map")

    told = dict(line.split(": ", 1) for line in imported.told)
    assert told[f"value {ids['it']}"] == "A value's name cannot be blank"
    assert told[f"value {child}"] == "its parent could not be imported"
    assert told[f"value {ids['data']}"] == "what takes over from it could not be imported"
    assert f"user {ids['boss']}" in told
    assert told[f"candidate {ids['ada']}"] == f"it refers to the value {ids['it']}, which could not be imported"
    assert told[f"job {ids['job']}"].startswith("it refers to the ")
    assert told[f"category {ids['skills']}"] == "it gets its rules once nothing else fails"
    assert len(told) == 7
    assert ats.import_(whole, "beta", tmp_path / "map").told == []
    assert_same(ats.everything("acme"), ats.everything("beta"), ats.everything("beta"), tmp_path / "map")


def test_users_that_jobs_name_are_needed_by_them(ats: Tenants, tmp_path: Path) -> None:
    ids = moved(ats)
    broken = ats.export("acme").replace(b'"nameID":"clerk"', b'"nameID":1')

    imported = ats.import_(broken, "beta", tmp_path / "map")

    assert imported.told[1:-1] == [
        f"job {ids['template']}: it refers to the user {ids['clerk']}, who could not be imported"
    ]


def test_a_category_that_fails_takes_its_values_with_it(ats: Tenants, tmp_path: Path) -> None:
    ids = moved(ats)
    broken = ats.export("acme").replace(b'"name":"Skills"', b'"name":" "')

    imported = ats.import_(broken, "beta", tmp_path / "map")

    assert imported.counts["category"] == {"made": 0, "changed": 0, "unchanged": 1, "failed": 1}
    assert f"value {ids['it']}: its category could not be imported" in imported.told
    assert f"job {ids['job']}: it refers to the category {ids['skills']}, which could not be imported" in imported.told


def test_locations_move_when_their_places_have_become_leaves(ats: Tenants, tmp_path: Path) -> None:
    def places(tenant: str, *, is_turned: bool) -> None:
        path = (
            f"/categories/byID/{ats.call(tenant, 'POST', '/categories', {'name': 'Places', 'key': 'LOCATION'})['id']}"
        )
        top, leaf = ("Auckland", "New Zealand") if is_turned else ("New Zealand", "Auckland")
        above = ats.call(tenant, "POST", f"{path}/values", {"name": top, "code": top})["id"]
        body = {"name": leaf, "code": leaf, "parent": above, "location": {"lat": -36.8, "lng": 174.8}}
        ats.call(tenant, "POST", f"{path}/values", body)

    places("acme", is_turned=False)
    places("beta", is_turned=True)

    imported = ats.import_(ats.export("acme"), "beta", tmp_path / "map")

    assert imported.told == []
    assert_same(ats.everything("acme"), ats.everything("beta"), ats.everything("beta"), tmp_path / "map")


def test_a_journal_that_was_compacted_is_exported_as_far_as_it_is_kept(
    ats: Tenants, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved(ats)
    assert run_command(capsys, "ats", "compact", "--database", database_url, "--keep-days", "0").status == 0

    content = ats.export("acme")

    assert b'"kind":"entry"' not in content
    assert ats.import_(content, "beta", tmp_path / "map").told == []


def test_what_is_written_while_an_export_runs_leaves_no_reference_open(ats: Tenants, tmp_path: Path) -> None:
    ids = moved(ats)
    values = f"/categories/byID/{ids['skills']}/values"
    left = ["job", "value"]

    def meanwhile(line: Document) -> None:
        """Once the jobs are read, and again once the tree is, what they reference goes elsewhere."""
        if left and line["kind"] == left[0]:
            left.pop(0)
            late = ats.call("acme", "POST", values, {"name": f"late {len(left)}"})["id"]
            ats.call("acme", "POST", values, {"id": ids["it"], "available": False, "remappedTo": late})
            ids["it"] = late

    content = ats.export_while("acme", meanwhile)
    imported = ats.import_(content, "beta", tmp_path / "map")

    assert left == []
    assert imported.told == []
    beta = ats.everything("beta")
    names = {value.id: value.name for each in beta["values"].values() for value in each.values()}
    referenced = [
        [names[value] for entry in each.get("categories", ()) for value in entry["values"]]
        for each in [*beta["jobs"].values(), *beta["candidates"].values()]
    ]
    assert sorted(referenced) == [[], [], ["late 0"], ["late 0"]]
    assert ats.import_(ats.export("acme"), "beta", tmp_path / "map").writes == 0


def test_a_category_that_is_deleted_while_an_export_runs_is_not_referenced(ats: Tenants, tmp_path: Path) -> None:
    ids = moved(ats)

    def meanwhile(line: Document) -> None:
        if line["kind"] == "user" and line["data"]["id"] == ids["boss"]:
            path = f"/categories/byID/{ids['skills']}?force=true"
            ats.ask(lambda: ats.client("acme").request("DELETE", path))

    imported = ats.import_(ats.export_while("acme", meanwhile), "beta", tmp_path / "map")

    assert imported.told == []
    assert all("categories" not in job for job in ats.everything("beta")["jobs"].values())
