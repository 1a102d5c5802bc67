"""What has to be the same of a tenant and of the one that it was imported into."""

from pathlib import Path
from typing import Any

from catrelay.exchange.nodes import Node, end_of
from catrelay.exchange.objects import OBJECT_KINDS
from catrelay.exchange.records import Records
from tests.tenants import Document


def without_links(everything: Any) -> Any:
    """*everything* without what is signed anew in every answer."""
    if isinstance(everything, dict):
        return {name: without_links(each) for name, each in everything.items() if name != "preSignedUri"}
    if isinstance(everything, list):
        return [without_links(each) for each in everything]
    return everything


def assert_same(source: Document, target: Document, before: Document, map_file: Path) -> None:
    records = Records(map_file)
    categories = records.targets("category")
    values = records.targets("value")
    users, jobs, candidates = (records.targets(kind) for kind in OBJECT_KINDS)
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
    there = {i: values[e.id] for i, e in ends.items() if e}
    for user in source["users"].values():
        found = target["users"][users[user["id"]]]
        assert {name: found.get(name) for name in ("externalId", "login", "activeFlag")} == {
            name: user.get(name, found.get(name)) for name in ("externalId", "login", "activeFlag")
        }
        assert found.get("orgs", []) == sorted(there[org] for org in user.get("orgs", ()))
    for candidate in source["candidates"].values():
        found = target["candidates"][candidates[candidate["id"]]]
        assert found["person"] == candidate["person"]
        assert_same_references(candidate, found, categories, there)
    for job in source["jobs"].values():
        found = target["jobs"][jobs[job["id"]]]
        if "manager" in job:
            assert found["manager"]["id"] == users[job["manager"]["id"]]
        assert_same_job(job, found, categories, there)
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
    assert_same_references(job, found, categories, values)


def assert_same_references(
    source: Document, found: Document, categories: dict[int, int], values: dict[int, int]
) -> None:
    """In the categories that both have; in others the target may have more."""
    wanted = {categories[e["category"]]: {values[v] for v in e["values"]} for e in source.get("categories", ())}
    mapped = {e["category"]: e["values"] for e in found.get("categories", ()) if e["category"] in categories.values()}
    assert {category: set(each) for category, each in mapped.items()} == wanted
