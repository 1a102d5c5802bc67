"""summary and changeImpact: their Markdown, and what they count, on both databases."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ats_stub.domain.related import MAX_NAME_CHARACTERS, Holders, Objects, change_impact, shown, summary
from ats_stub.domain.values import Decision, Value
from catrelay.tokens import Scope
from tests.ats_stub.planting import Tree, holding, plant
from tests.running import Running
from tests.strategies import names, texts

MAX_VISIBLE_CHARACTERS = 1_000
markup_like = st.text(st.sampled_from("\\`*_[]<>&~|#+-=.:)(!0123 aé\n"), max_size=40)


@pytest.fixture
def tree(ats: Running) -> Tree:
    return plant(ats)


def at(tree: Tree, value: int, what: str) -> str:
    return f"{tree.values}/byID/{value}/{what}"


def rendered(markdown: str) -> str:
    """The text that a reader sees."""
    inline = [token for token in MarkdownIt("js-default").parse(markdown) if token.type == "inline"]
    return "\n".join(
        "".join(child.content for child in token.children or [] if child.type in ("text", "text_special"))
        for token in inline
    )


def collapsed(text: str) -> str:
    return " ".join(text.split())


@given(markup_like | texts)
def test_a_name_renders_as_its_text_and_never_as_markup(name: str) -> None:
    markdown = shown(name)

    tokens = MarkdownIt("js-default").parse(markdown)
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    text = collapsed(name)
    is_cut = len(text) > MAX_NAME_CHARACTERS
    assert rendered(markdown) == (text[: MAX_NAME_CHARACTERS - 1].rstrip() + "…" if is_cut else text)


many = st.integers(1, 10**12)


@given(names | st.just("x" * 2_000), st.lists(texts | st.just("x" * 2_000)), many, many, many)
def test_what_is_said_has_at_most_a_thousand_visible_characters(
    name: str, titles: list[str], jobs: int, users: int, candidates: int
) -> None:
    objects: Objects = {"job": jobs, "user": users, "candidate": candidates}
    value = Value(id=1, category=1, name=name)

    held = summary(value, Holders(objects, jobs // 2, titles))
    impact = change_impact(Decision(value, replace(value, available=False), "remap"), value, objects, objects)

    assert held is not None
    assert impact is not None
    assert len(rendered(held.summary)) <= MAX_VISIBLE_CHARACTERS
    assert len(rendered(impact.summary)) <= MAX_VISIBLE_CHARACTERS


@pytest.mark.parametrize(
    ("objects", "with_target", "text"),
    [
        ({"job": 10}, {"job": 0}, "All 10 jobs in Data will be moved to IT"),
        ({"job": 10}, {"job": 3}, "All 10 jobs in Data will be moved to IT; 3 of them have it already"),
        ({"job": 10}, {"job": 1}, "All 10 jobs in Data will be moved to IT; 1 of them has it already"),
        ({"job": 10}, {"job": 10}, "All 10 jobs in Data will be moved to IT; all of them have it already"),
        ({"job": 1}, {"job": 0}, "The only job in Data will be moved to IT"),
        ({"job": 1}, {"job": 1}, "The only job in Data will be moved to IT; it has it already"),
        ({"user": 1}, {"user": 1}, "The only user in Data will be moved to IT; they have it already"),
        ({"candidate": 2}, {"candidate": 1}, "All 2 candidates in Data will be moved to IT; 1 of them has it already"),
        ({"job": 2, "candidate": 1}, {}, "2 jobs and 1 candidate in Data will be moved to IT"),
        (
            {"job": 2, "user": 1, "candidate": 3},
            {"job": 1, "candidate": 0},
            "2 jobs, 1 user and 3 candidates in Data will be moved to IT; 1 of the jobs has it already",
        ),
        (
            {"job": 2, "user": 1, "candidate": 3},
            {"job": 1, "user": 1, "candidate": 3},
            "2 jobs, 1 user and 3 candidates in Data will be moved to IT; "
            "1 of the jobs, the user and all of the candidates have it already",
        ),
    ],
)
def test_an_impact_tells_who_has_the_target_already(objects: Objects, with_target: Objects, text: str) -> None:
    target = Value(id=2, category=1, name="IT")
    before = Value(id=1, category=1, name="Data")
    decision = Decision(before, replace(before, available=False, remapped_to=target.id), "remap")

    related = change_impact(decision, target, objects, with_target)

    assert related is not None
    assert rendered(related.summary) == text
    assert related.counts == {f"{kind}s": count for kind, count in objects.items()}


@pytest.mark.parametrize(
    ("objects", "text"),
    [
        ({"candidate": 1}, "1 candidate will lose Data"),
        ({"job": 3, "user": 1}, "3 jobs and 1 user will lose Data"),
    ],
)
def test_an_impact_tells_who_loses_the_value(objects: Objects, text: str) -> None:
    before = Value(id=1, category=1, name="Data")

    related = change_impact(Decision(before, replace(before, available=False), "inactivate"), None, objects, {})

    assert related is not None
    assert rendered(related.summary) == text


@pytest.mark.parametrize(
    ("objects", "open_jobs", "text"),
    [
        ({"job": 2}, 2, "There are 2 jobs in Data, all of them open"),
        ({"job": 2}, 1, "There are 2 jobs in Data, 1 of them open"),
        ({"job": 2}, 0, "There are 2 jobs in Data"),
        ({"job": 1}, 1, "There is 1 job in Data, open"),
        ({"user": 1, "candidate": 0}, 0, "There is 1 user in Data"),
        ({"job": 1, "candidate": 2}, 1, "There is 1 job and 2 candidates in Data; the job is open"),
        ({"job": 4, "user": 2}, 1, "There are 4 jobs and 2 users in Data; 1 of the jobs is open"),
        ({"job": 4, "user": 2}, 4, "There are 4 jobs and 2 users in Data; all of the jobs are open"),
    ],
)
def test_a_summary_tells_how_many_are_open(objects: Objects, open_jobs: int, text: str) -> None:
    related = summary(Value(id=1, category=1, name="Data"), Holders(objects, open_jobs, []))

    assert related is not None
    assert rendered(related.summary) == text


@pytest.mark.parametrize(
    ("objects", "text"),
    [
        ({"job": 2}, ["a", "b"]),
        ({"job": 3}, ["a", "b", "and 1 more"]),
        ({"job": 3, "user": 9}, ["a", "b", "and 1 more job"]),
        ({"job": 4, "user": 9}, ["a", "b", "and 2 more jobs"]),
    ],
)
def test_a_summary_names_some_jobs_and_counts_the_others(objects: Objects, text: list[str]) -> None:
    related = summary(Value(id=1, category=1, name="Data"), Holders(objects, 0, ["a", "b"]))

    assert related is not None
    assert rendered(related.summary).splitlines()[1:] == text


def test_a_summary_counts_the_jobs_of_the_value_itself(ats: Running, tree: Tree) -> None:
    for number in range(10):
        status = "active" if number < 3 else "complete"
        ats.post("/jobs", {"title": f"Job *{number}*", "status": status} | holding(tree.category, tree.data))
    ats.post("/jobs", holding(tree.category, tree.it))

    related = ats.get(at(tree, tree.data, "summary"))

    assert related["counts"] == {"jobs": 10}
    assert rendered(related["summary"]).startswith("There are 10 jobs in Data Science, 3 of them open\nJob *9*\n")
    assert related["summary"].startswith("There are **10 jobs** in Data Science")
    assert ats.post(at(tree, tree.data, "summary"), {}) == related
    assert ats.call("POST", at(tree, tree.data, "summary")).json() == related
    assert ats.get(at(tree, tree.it, "summary"))["summary"] == "There is **1 job** in IT"


def test_a_value_that_holds_nothing_or_is_not_there_is_404(ats: Running, tree: Tree) -> None:
    for path in (
        at(tree, tree.data, "summary"),
        at(tree, 999, "summary"),
        at(tree, tree.other, "summary"),
        "/categories/byID/999/values/byID/1/summary",
        f"/orgs/values/byID/{tree.data}/summary",
    ):
        assert ats.refused("GET", path) == (404, "not-found")
        assert ats.refused("POST", path.replace("summary", "changeImpact"), {"available": False}) == (404, "not-found")


def test_an_impact_says_what_a_remap_would_move_and_changes_nothing(ats: Running, tree: Tree) -> None:
    jobs = [ats.post("/jobs", holding(tree.category, tree.data)) for _ in range(9)]
    jobs.append(ats.post("/jobs", holding(tree.category, tree.data, tree.cloud)))
    before = ats.get(tree.values)

    remap = {"id": tree.data, "available": False, "remappedTo": tree.cloud}
    impact = ats.post(at(tree, tree.data, "changeImpact"), remap)

    assert impact["counts"] == {"jobs": 10}
    assert rendered(impact["summary"]) == "All 10 jobs in Data Science will be moved to Cloud; 1 of them has it already"
    assert ats.get("/jobs")["results"] == jobs
    assert ats.get(tree.values) == before
    assert ats.get("/categories/remapped")["lastSeq"] == 0
    ats.post(tree.values, remap)
    assert ats.get("/categories/remapped")["results"][0]["moved"] == impact["counts"]["jobs"]
    assert re.match("There are .*10 jobs.* in Cloud", ats.get(at(tree, tree.cloud, "summary"))["summary"])


def test_an_impact_says_what_an_inactivation_would_take_away(ats: Running, tree: Tree) -> None:
    for _ in range(10):
        ats.post("/jobs", holding(tree.category, tree.data))

    impact = ats.post(at(tree, tree.data, "changeImpact"), {"available": False})

    assert impact["counts"] == {"jobs": 10}
    assert rendered(impact["summary"]) == "10 jobs will lose Data Science"


def test_a_rename_or_a_move_in_the_tree_has_no_impact(ats: Running, tree: Tree) -> None:
    ats.post("/jobs", holding(tree.category, tree.data))

    for harmless in ({"name": "Data"}, {"parent": tree.platforms}, {"parent": None}, {"available": True}, {}):
        assert ats.refused("POST", at(tree, tree.data, "changeImpact"), harmless) == (404, "not-found")


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        ({"available": None}, "null-not-allowed"),
        ({"id": 999, "available": False}, "invalid-request"),
        ({"available": False, "colour": "red"}, "invalid-request"),
        ({"available": False, "remappedTo": 999}, "unknown-remap-target"),
        ({"values": []}, "nested-values"),
        ({"parent": 999}, "unknown-parent"),
        ({"remappedTo": 1}, "remap-without-inactivation"),
    ],
)
def test_an_impossible_change_is_refused_as_the_write_would_be(
    ats: Running, tree: Tree, broken: object, kind: str
) -> None:
    ats.post("/jobs", holding(tree.category, tree.data))

    assert ats.refused("POST", at(tree, tree.data, "changeImpact"), broken) == (400, kind)


def test_a_value_with_children_cannot_be_inactivated_so_there_is_no_impact_to_show(ats: Running, tree: Tree) -> None:
    refused = ats.refused("POST", at(tree, tree.it, "changeImpact"), {"available": False})

    assert refused == (400, "value-has-children")


def test_users_and_candidates_are_told_of_too(ats: Running, tree: Tree) -> None:
    north, south = (ats.post("/orgs/values", {"name": name})["id"] for name in ("North", "South"))
    ats.post("/jobs", {"org": north, "status": "active", "title": "Chef"})
    for orgs in ([north], [north, south], [south]):
        ats.post("/users", {"orgs": orgs})
    for values in ([tree.data], [tree.data, tree.cloud]):
        ats.post("/candidates", holding(tree.category, *values))

    of_north = ats.get(f"/orgs/values/byID/{north}/summary")
    gone = ats.post(f"/orgs/values/byID/{north}/changeImpact", {"available": False, "remappedTo": south})
    of_data = ats.get(at(tree, tree.data, "summary"))
    lost = ats.post(at(tree, tree.data, "changeImpact"), {"available": False})

    assert of_north["counts"] == gone["counts"] == {"jobs": 1, "users": 2}
    assert rendered(of_north["summary"]) == "There is 1 job and 2 users in North; the job is open\nChef"
    assert rendered(gone["summary"]) == (
        "1 job and 2 users in North will be moved to South; 1 of the users has it already"
    )
    assert of_data["counts"] == lost["counts"] == {"candidates": 2}
    assert rendered(of_data["summary"]) == "There are 2 candidates in Data Science"
    assert rendered(lost["summary"]) == "2 candidates will lose Data Science"


def test_orgs_have_both_too(ats: Running) -> None:
    north = ats.post("/orgs/values", {"name": "North"})["id"]
    ats.post("/jobs", {"org": north, "status": "active"})

    assert rendered(ats.get(f"/orgs/values/byID/{north}/summary")["summary"]) == "There is 1 job in North, open"
    impact = ats.post(f"/orgs/values/byID/{north}/changeImpact", {"available": False})
    assert impact["counts"] == {"jobs": 1}


def test_reading_is_enough_but_in_the_own_tenant_only(
    ats: Running, tree: Tree, new_token: Callable[[str, str, Scope], str]
) -> None:
    ats.post("/jobs", holding(tree.category, tree.data))
    reader = ats.with_token(new_token("acme", "reader", "read"))
    other = ats.with_token(new_token("globex", "tests", "admin"), tenant="globex")

    assert reader.post(at(tree, tree.data, "changeImpact"), {"available": False})["counts"] == {"jobs": 1}
    assert other.refused("GET", at(tree, tree.data, "summary")) == (404, "not-found")
    assert ats.with_token("").refused("GET", at(tree, tree.data, "summary")) == (401, "unauthorized")
