"""The versions of all categories over HTTP, on both databases."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import open_database, open_registry
from ats_stub.store.backup import back_up
from ats_stub.store.restore import restore
from tests.ats_stub.conftest import TOKEN
from tests.ats_stub.planting import Tree, holding, plant
from tests.running import Running, running
from tests.statements import noted_statements, watched_connections

PATH = "/categories/versions"

Change = Callable[[Running, Tree], object]


@pytest.fixture
def watched(database_url: str) -> Iterator[Running]:
    """The ATS with the tenant acme, its statements to be noted."""
    with (
        watched_connections(),
        running(create_app(AtsSettings(database=database_url)), tenant="acme", token=TOKEN) as service,
    ):
        yield service


def versions(ats: Running) -> dict[int, str]:
    """The versions by category."""
    return {each["id"]: each["version"] for each in ats.get(PATH)["categories"]}


def test_all_categories_have_a_version_by_id_the_org_trees_too(ats: Running) -> None:
    tree, orgs = plant(ats), ats.get("")["orgsCategory"]
    ats.post(f"/categories/byID/{tree.other_category}/values", {"id": tree.other, "available": False})

    response = ats.call("GET", PATH)

    found = response.json()
    assert [each["id"] for each in found["categories"]] == [orgs, tree.category, tree.other_category]
    assert (found["epoch"], found["seq"]) == (ats.get("/categories/remapped")["epoch"], 1)
    assert response.headers["journal-seq"] == "1"
    assert "categories.versions" in ats.get("")["capabilities"]


def test_a_version_is_the_trees_etag_without_quotes(ats: Running) -> None:
    tree = plant(ats)

    found = versions(ats)

    etag = ats.call("GET", tree.values).headers["etag"]
    assert f'"{found[tree.category]}"' == etag
    assert ats.call("GET", tree.values, headers={"if-none-match": f'"{found[tree.category]}"'}).status_code == 304
    assert f'"{found[ats.get("")["orgsCategory"]]}"' == ats.call("GET", "/orgs/values").headers["etag"]


CHANGES: dict[str, Change] = {
    "made": lambda ats, tree: ats.post(tree.values, {"name": "Design"}),
    "renamed": lambda ats, tree: ats.post(tree.values, {"id": tree.it, "name": "Information technology"}),
    "moved": lambda ats, tree: ats.post(tree.values, {"id": tree.cloud, "parent": None}),
    "inactivated": lambda ats, tree: ats.post(tree.values, {"id": tree.cloud, "available": False}),
    "remapped": lambda ats, tree: ats.post(
        tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud}
    ),
    "undone": lambda ats, tree: ats.post(f"{tree.values}/undo", {"seq": 1}),
    "of the category": lambda ats, tree: ats.post(f"/categories/byID/{tree.category}", {"name": "Fields"}),
    "in a batch": lambda ats, tree: ats.post(f"{tree.values}/batch", {"values": [{"id": tree.it, "code": "it"}]}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_gives_its_category_another_version_and_leaves_the_others(ats: Running, change: Change) -> None:
    tree = plant(ats)
    gone = ats.post(tree.values, {"name": "Gone"})["id"]
    ats.post(tree.values, {"id": gone, "available": False, "remappedTo": tree.cloud})
    before = versions(ats)

    change(ats, tree)

    after = versions(ats)
    assert {category for category in before if after[category] != before[category]} == {tree.category}


def test_what_changes_no_value_leaves_all_versions(ats: Running) -> None:
    tree = plant(ats)
    before = ats.call("GET", PATH)

    ats.post("/jobs", {"title": "Engineer"} | holding(tree.category, tree.data))
    ats.post(tree.values, {"id": tree.it, "name": "IT"})
    ats.refused("POST", tree.values, {"id": tree.it, "available": False})

    assert ats.get(PATH) == before.json()
    assert ats.call("GET", PATH, headers={"if-none-match": before.headers["etag"]}).status_code == 304


def test_categories_come_and_go(ats: Running) -> None:
    tree = plant(ats)

    made = ats.post("/categories", {"name": "Tags"})["id"]
    ats.call("DELETE", f"/categories/byID/{tree.category}")

    assert versions(ats).keys() == {ats.get("")["orgsCategory"], tree.other_category, made}


def test_after_a_restore_every_version_is_another_one(ats: Running, database_url: str, tmp_path: Path) -> None:
    tree = plant(ats)
    database, file = open_database(database_url), tmp_path / "ats.backup"
    back_up(database, file, now=datetime(2026, 11, 22, 9, tzinfo=UTC))
    before, known = versions(ats), ats.call("GET", tree.values).headers["etag"]

    restore(database, file, replace=True)
    database.close()

    after = versions(ats)
    assert after.keys() == before.keys()
    assert set(after.values()).isdisjoint(before.values())
    assert ats.call("GET", tree.values, headers={"if-none-match": known}).status_code == 200


def test_all_versions_cost_one_statement_besides_the_tokens(watched: Running) -> None:
    plant(watched)
    watched.get(PATH)

    with noted_statements() as noted:
        watched.get(PATH)

    assert len(noted) == 2, noted


def test_a_tenant_that_was_removed_has_no_versions(ats: Running, database_url: str) -> None:
    registry = open_registry(database_url)
    registry.remove_tenant("acme")
    registry.close()

    assert ats.refused("GET", PATH) == (401, "unauthorized")


def test_versions_take_no_parameters(ats: Running) -> None:
    query: dict[str, Any] = {"gtID": 1}

    assert ats.refused("GET", PATH, query=query) == (400, "invalid-request")
