"""Some branches of a tree over HTTP, on both databases."""

from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from tests.ats_stub.planting import Tree, plant
from tests.running import Running


@pytest.fixture
def tree(ats: Running) -> Tree:
    """it > (data, platforms > cloud), and beside it Design and Sales > Inside sales, in an order of their own."""
    tree = plant(ats)
    sales = ats.post(tree.values, {"name": "Sales", "sequence": 2})["id"]
    ats.post(tree.values, {"name": "Design", "sequence": 1.5, "location": None})
    ats.post(tree.values, {"name": "Inside sales", "parent": sales, "sequence": 0.1})
    ats.post(tree.values, {"id": tree.data, "sequence": 9})
    return tree


def branches(ats: Running, values: str, ids: Iterable[int], **options: Any) -> httpx.Response:
    """The answer about some branches."""
    return ats.call("GET", values, query={"branches": ",".join(map(str, ids))}, **options)


def test_branches_are_those_of_the_tree_in_its_order(ats: Running, tree: Tree) -> None:
    whole = ats.get(tree.values)
    design, sales, it = (root["id"] for root in whole)

    assert [root["name"] for root in whole] == ["Design", "Sales", "IT"]
    assert branches(ats, tree.values, [it, sales, design]).json() == whole
    assert branches(ats, tree.values, [it, design]).json() == [whole[0], whole[2]]
    assert branches(ats, tree.values, [it, it]).json() == [whole[2]]
    assert branches(ats, tree.values, []).json() == []
    assert "values.branches" in ats.get("")["capabilities"]


def test_what_is_no_available_value_at_the_top_is_left_out(ats: Running, tree: Tree) -> None:
    gone = ats.post(tree.values, {"name": "Gone"})["id"]
    ats.post(tree.values, {"id": gone, "available": False})
    org = ats.post("/orgs/values", {"name": "Head office"})["id"]

    found = branches(ats, tree.values, [gone, tree.data, tree.cloud, tree.other, org, 999, 2**63 - 1])

    assert (found.status_code, found.json(), found.headers["journal-seq"]) == (200, [], "1")


def test_a_value_that_became_unavailable_is_not_in_its_branch(ats: Running, tree: Tree) -> None:
    ats.post(tree.values, {"id": tree.cloud, "available": False, "remappedTo": tree.data})

    [root] = branches(ats, tree.values, [tree.it]).json()

    assert [(each["name"], "values" in each) for each in root["values"]] == [
        ("Data Science", False),
        ("Platforms", False),
    ]


def test_orgs_have_branches_under_both_paths(ats: Running) -> None:
    office = ats.post("/orgs/values", {"name": "Head office"})["id"]
    ats.post("/orgs/values", {"name": "Sales", "parent": office})
    ats.post("/orgs/values", {"name": "Branch office"})
    under_orgs = branches(ats, "/orgs/values", [office])

    under_category = branches(ats, f"/categories/byID/{ats.get('')['orgsCategory']}/values", [office])

    assert under_orgs.json() == under_category.json() == [ats.get("/orgs/values")[1]]


def test_branches_have_an_etag_of_their_own(ats: Running, tree: Tree) -> None:
    whole = ats.call("GET", tree.values).headers["etag"]
    of_one = branches(ats, tree.values, [tree.it]).headers["etag"]

    assert branches(ats, tree.values, [tree.it], headers={"if-none-match": whole}).status_code == 200
    assert ats.call("GET", tree.values, headers={"if-none-match": of_one}).status_code == 200
    known = branches(ats, tree.values, [tree.it], headers={"if-none-match": of_one})
    assert (known.status_code, known.headers["journal-seq"]) == (304, "0")
    ats.post(tree.values, {"name": "Another branch"})
    assert branches(ats, tree.values, [tree.it], headers={"if-none-match": of_one}).status_code == 304
    ats.post(tree.values, {"id": tree.cloud, "name": "Clouds"})
    assert branches(ats, tree.values, [tree.it], headers={"if-none-match": of_one}).status_code == 200


def test_at_most_200_branches_are_asked_for_at_once(ats: Running, tree: Tree) -> None:
    assert branches(ats, tree.values, range(1, 201)).status_code == 200

    refused = branches(ats, tree.values, range(1, 202))

    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (400, "urn:catrelay:problem:limit-exceeded")
    assert problem["errors"] == [{"pointer": "branches", "detail": "names too many"}]


@pytest.mark.parametrize("text", ["it", "1,", "0", "-1", "1.5", "9223372036854775808", "1;2", "1,,2"])
def test_what_is_no_list_of_ids_is_refused(ats: Running, tree: Tree, text: str) -> None:
    assert ats.refused("GET", tree.values, query={"branches": text}) == (400, "invalid-request")


def test_a_category_that_is_not_there_has_no_branches(ats: Running) -> None:
    assert ats.refused("GET", "/categories/byID/999/values", query={"branches": "1"}) == (404, "not-found")
