"""A category's tree as the editor looks at it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catman.domain.tree import MAX_FOUND, PAGE_VALUES, Tree
from catrelay.models import CategoryValue


def value(id_: int, name: str, *children: CategoryValue, code: str | None = None) -> CategoryValue:
    return CategoryValue(id=id_, name=name, available=True, code=code, values=children or None)


AUCKLAND = value(3, "Auckland", value(4, "North Shore"), value(5, "Takapuna", code="TKP"))
TREE = Tree((value(1, "Aotearoa", value(2, "Ōtautahi"), AUCKLAND), value(6, "Samoa")))


def names(values: tuple[CategoryValue, ...]) -> list[str]:
    return [each.name for each in values]


def test_a_path_leads_from_the_root_to_the_value() -> None:
    assert names(TREE.path(5)) == ["Aotearoa", "Auckland", "Takapuna"]
    assert TREE.path(99) == ()


def test_a_level_counts_from_one() -> None:
    assert [TREE.page(parent).level for parent in (None, 1, 3)] == [1, 2, 3]


@pytest.mark.parametrize("query", ["otautahi", "ŌTAUTAHI", "Ōtautahi", "tauta"])
def test_a_search_passes_over_case_and_combining_marks(query: str) -> None:
    assert names(TREE.search(query).values) == ["Ōtautahi"]


@pytest.mark.parametrize("query", ["TKP", "5", "takapuna "])
def test_a_value_is_found_by_its_code_and_its_id(query: str) -> None:
    assert names(TREE.search(query).values) == ["Takapuna"]


def test_better_matches_come_first() -> None:
    tree = Tree([value(1, "Unit IT"), value(2, "Fruit"), value(3, "Italian"), value(4, "IT")])

    assert names(tree.search("it").values) == ["IT", "Italian", "Unit IT", "Fruit"]


def test_an_empty_search_finds_nothing() -> None:
    assert TREE.search("  ").total == 0


def test_a_search_with_many_matches_tells_how_many_there_are() -> None:
    tree = Tree([value(number + 1, f"Team {number}") for number in range(MAX_FOUND + 10)])

    found = tree.search("team")

    assert (len(found.values), found.total) == (MAX_FOUND, MAX_FOUND + 10)


def test_siblings_leave_out_the_value_itself() -> None:
    assert names(TREE.siblings(4).values) == ["Takapuna"]


@given(count=st.integers(0, 3 * PAGE_VALUES), wanted=st.integers(0, 3 * PAGE_VALUES))
def test_the_page_that_contains_a_value_does(count: int, wanted: int) -> None:
    tree = Tree([value(number + 1, "x") for number in range(count)])

    page = tree.page(None, containing=wanted + 1)

    assert page.start % PAGE_VALUES == 0
    assert page.total == count
    assert (wanted + 1 in {each.id for each in page.values}) == (wanted < count)


@given(count=st.integers(0, 3 * PAGE_VALUES))
def test_pages_show_every_value_once(count: int) -> None:
    tree = Tree([value(number + 1, "x") for number in range(count)])

    shown = [each.id for start in range(0, count, PAGE_VALUES) for each in tree.page(None, start=start).values]

    assert shown == list(range(1, count + 1))
