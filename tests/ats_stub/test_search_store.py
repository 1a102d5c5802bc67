"""Full text search, the same on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ats_stub.domain.references import KINDS
from ats_stub.domain.words import words
from ats_stub.operations.candidates import create_candidate
from ats_stub.operations.jobs import create_job
from ats_stub.operations.users import create_user
from ats_stub.store import Store, WriteUnit, open_registry
from ats_stub.store.reindexing import index_all
from ats_stub.store.search import SearchIndex, search_index
from catrelay.models import MAX_ID
from catrelay.tokens import Access
from tests.strategies import texts

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)

# Few letters, so that one word is often the beginning of another.
some_texts = texts | st.text("aäz東 -'\"*:&|()^+", max_size=8)


@pytest.fixture
def unit(store: Store, access: Access) -> Iterator[WriteUnit]:
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        yield unit


def found(unit: WriteUnit, keywords: str, index: SearchIndex | None = None) -> set[int]:
    matching = (index or unit.search).matching("job", keywords)
    assert matching is not None
    return set(unit.connection.scalars(matching))


def test_what_is_found_is_what_the_words_say_whatever_they_are(unit: WriteUnit) -> None:
    @settings(max_examples=40)
    @given(st.lists(some_texts, max_size=5), some_texts)
    def holds(stored: list[str], keywords: str) -> None:
        for number in range(5):
            unit.search.put("job", number + 1, [stored[number] if number < len(stored) else None])

        matching = unit.search.matching("job", keywords)

        wanted = words([keywords])
        expected = {
            number
            for number, each in enumerate(stored, start=1)
            if all(any(word.startswith(keyword) for word in words([each])) for keyword in wanted)
        }
        if matching is None:
            assert wanted == []
        else:
            assert set(unit.connection.scalars(matching)) == expected

    holds()


@pytest.mark.parametrize(
    "keywords",
    [
        'jazz" OR "x',
        "jazz*",
        "jazz:*",
        "jazz' | 'x",
        "words:jazz",
        "jazz NOT x",
        "^jazz",
        "jazz -x",
        "{jazz}",
        "\\jazz",
    ],
)
def test_no_keyword_is_part_of_a_query_but_its_words(unit: WriteUnit, keywords: str) -> None:
    unit.search.put("job", 1, ["jazz x or not words"])
    unit.search.put("job", 2, ["piano"])

    assert found(unit, keywords) == {1}


def test_an_object_is_found_by_its_latest_words_only_and_when_removed_by_none(unit: WriteUnit) -> None:
    unit.search.put("job", MAX_ID, ["old word", None])
    unit.search.put("job", MAX_ID, ["new", "word"])

    assert found(unit, "word") == found(unit, "new") == {MAX_ID}
    assert found(unit, "old") == set()
    unit.search.put("job", MAX_ID, ["..."])
    assert found(unit, "new") == set()
    unit.search.put("job", MAX_ID, ["new"])
    unit.search.remove("job", MAX_ID)
    unit.search.remove("job", MAX_ID)
    assert found(unit, "new") == set()


def test_kinds_and_tenants_are_apart(unit: WriteUnit, database_url: str) -> None:
    for kind in KINDS:
        unit.search.put(kind, 1, [f"common {kind}"])
    unit.search.put("job", 11, ["common"])

    assert found(unit, "common") == {1, 11}
    assert found(unit, "candidate") == set()
    for tenant in (unit.tenant + 1, int(f"{unit.tenant}1")):
        assert found(unit, "common", search_index(unit.connection, tenant)) == set()


def test_the_words_of_a_tenant_go_with_it(database_url: str) -> None:
    registry = open_registry(database_url)
    numbers = {}
    for name in ("acme", "globex"):
        registry.add_tenant(name)
        with registry.database.write() as connection:
            number = connection.scalar(text("SELECT tenant FROM tenants WHERE name = :name"), {"name": name})
            search_index(connection, number or 0).put("user", 1, ["common"])
            numbers[name] = number or 0

    registry.remove_tenant("acme")

    with registry.database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM search")) == 1
        left = search_index(connection, numbers["globex"]).matching("user", "common")
        assert left is not None
        assert list(connection.scalars(left)) == [1]
    registry.close()


def test_what_came_in_past_the_stores_can_be_found_once_it_is_indexed(store: Store, access: Access) -> None:
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        job = create_job(unit, {"title": "common job"})
        user = create_user(unit, {"person": {"familyName": "Common"}})
        candidate = create_candidate(unit, {"person": {"email": "common@example.com"}})
        ids = {"job": job.id, "user": user.id, "candidate": candidate.id}
        for kind in KINDS:
            unit.search.remove(kind, ids[kind])

        index_all(unit.connection)

        for kind in KINDS:
            matching = unit.search.matching(kind, "common")
            assert matching is not None
            assert list(unit.connection.scalars(matching)) == [ids[kind]]


def test_a_text_of_any_length_is_taken(unit: WriteUnit) -> None:
    numbers = " ".join(map(str, range(200_000)))

    unit.search.put("job", 1, ["beginning", numbers, "x" * 3_000_000])

    assert found(unit, "beginning 1000") == {1}
