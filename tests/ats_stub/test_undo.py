"""Taking remaps back, where that cannot be exact any more."""

from ats_stub.domain.values import MAX_TREE_DEPTH
from tests.running import Running

RULES = {"mandatory": False, "canMultiSelect": True, "leafSelectionOnly": False}


def test_a_remap_is_not_taken_back_to_where_the_tree_would_be_too_deep(ats: Running) -> None:
    category = ats.post("/categories", {"name": "Places", "jobRules": RULES, "candidateRules": RULES})["id"]
    values = f"/categories/byID/{category}/values"
    parent, target, deepest = (ats.post(values, {"name": name})["id"] for name in ("parent", "target", "root"))
    child = ats.post(values, {"name": "child", "parent": parent})["id"]
    ats.post(values, {"id": child, "available": False, "remappedTo": target})
    for _ in range(MAX_TREE_DEPTH - 2):
        deepest = ats.post(values, {"name": "deeper", "parent": deepest})["id"]
    ats.post(values, {"id": parent, "parent": deepest})

    assert ats.refused("POST", f"{values}/undo", {"seq": 1}) == (409, "cannot-undo")
    assert "parent" not in ats.get(f"{values}/byID/{child}")
