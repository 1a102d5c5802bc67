from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from ats_stub.store import Store, schema
from ats_stub.store.answers import Answer
from ats_stub.store.compaction import ROWS_AT_ONCE, compact, tenants
from ats_stub.store.journal_pages import JournalPages
from catrelay.journal import fold
from catrelay.models import JournalEntry, JournalPage
from catrelay.problems import JournalCompacted
from catrelay.tokens import Access, UnknownTenant
from tests.strategies import AT, journals

NOW = AT + timedelta(days=30)
LONG_AGO = AT - timedelta(days=300)


def write(store: Store, access: Access, entries: list[JournalEntry]) -> None:
    """Make the tenant's journal exactly *entries*."""
    with store.write(access.tenant_id, app="tests", now=AT) as unit:
        unit.connection.execute(delete(schema.journal))
        unit.counters.seq = 0
        for entry in entries:
            assert unit.journal.next_seq() == entry.seq
            unit.journal.append(entry)


def read(store: Store, access: Access, after: int, limit: int = 5_000) -> JournalPage:
    page = JournalPages(store.database).of_tenant(access.tenant_id, after=after, limit=limit)
    return JournalPage.model_validate_json(page)


def drop(store: Store, access: Access, keep_since: datetime) -> tuple[int, int, int]:
    left = compact(store, access.tenant_id, app="tests", now=NOW, keep_since=keep_since)
    return left.dropped, left.first_seq, left.last_seq


def day(number: int) -> datetime:
    return AT + timedelta(days=number)


def inactivations(*days: int) -> list[JournalEntry]:
    return [
        JournalEntry(seq=seq, category=17, id=1_000 + seq, operation="inactivate", at=day(number), by="tests")
        for seq, number in enumerate(days, start=1)
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(journal=journals(), kept_days=st.integers(-1, 21))
def test_what_is_left_says_the_same_to_every_cursor_that_is_served(
    store: Store, access: Access, journal: list[JournalEntry], kept_days: int
) -> None:
    dated = [entry.model_copy(update={"at": day(entry.seq)}) for entry in journal]
    write(store, access, dated)

    dropped, first, last = drop(store, access, day(kept_days))

    assert last == len(journal)
    assert dropped == first - 1 == len([entry for entry in dated if entry.at < day(kept_days)])
    for cursor in range(len(journal) + 1):
        if cursor < first - 1:
            with pytest.raises(JournalCompacted) as refused:
                read(store, access, cursor)
            assert refused.value.members == {"firstSeq": first}
        else:
            page = read(store, access, cursor)
            assert list(page.results) == dated[cursor:]
            assert fold(page.results) == fold(dated[cursor:])
            assert (page.first_seq, page.last_seq) == (first, last)


def test_all_entries_can_go_and_the_next_follows_on(store: Store, access: Access) -> None:
    write(store, access, inactivations(0, 0, 0))

    assert drop(store, access, NOW) == (3, 4, 3)
    assert drop(store, access, NOW) == (0, 4, 3)
    assert read(store, access, 3) == read(store, access, 57).model_copy(update={"results": ()})

    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        unit.journal.append(inactivations(0)[0].model_copy(update={"seq": unit.journal.next_seq()}))
    page = read(store, access, 3)
    assert ([entry.seq for entry in page.results], page.first_seq, page.last_seq) == ([4], 4, 4)


def test_of_an_entry_that_was_dropped_nobody_can_say_whose_it_was(store: Store, access: Access) -> None:
    write(store, access, inactivations(0, 0, 9))
    with store.read(access.tenant_id) as unit:
        assert (unit.journal.last_of(17), unit.journal.last_of(18)) == (3, 0)

    drop(store, access, day(1))

    with store.read(access.tenant_id) as unit:
        assert (unit.journal.last_of(17), unit.journal.last_of(18)) == (3, 2)


def test_what_goes_is_a_prefix_even_where_a_clock_went_back(store: Store, access: Access) -> None:
    write(store, access, inactivations(1, 5, 2, 7))

    assert drop(store, access, day(3)) == (1, 2, 4)


def test_more_than_one_transaction_takes_is_dropped_in_several(store: Store, access: Access) -> None:
    write(store, access, inactivations(*[0] * (2 * ROWS_AT_ONCE + 1), 9))
    commits: list[str] = []
    store.database.on_commit(lambda: commits.append("commit"))

    assert drop(store, access, day(1)) == (2 * ROWS_AT_ONCE + 1, 2 * ROWS_AT_ONCE + 2, 2 * ROWS_AT_ONCE + 2)
    assert len(commits) == 4


def test_an_entry_whose_links_still_follow_stays_and_all_after_it(store: Store, access: Access) -> None:
    write(store, access, inactivations(0, 0, 0, 0))
    with store.write(access.tenant_id, app="tests", now=AT) as unit:
        unit.connection.execute(
            schema.pending_moves.insert().values(
                tenant=access.tenant_id,
                seq=3,
                category=17,
                source=1_003,
                target=1_001,
                before_link=1,
                at=AT,
                jobs=0,
                users=0,
                candidates=0,
            )
        )

    assert drop(store, access, NOW) == (2, 3, 4)


def test_answers_that_no_repeat_can_come_for_go_too(store: Store, access: Access) -> None:
    for key, at in (("old", NOW - timedelta(days=15)), ("new", NOW - timedelta(days=13))):
        with store.write(access.tenant_id, app="tests", now=at) as unit:
            unit.answers.keep(key, Answer("f", 200, [], b"{}"), now=at)

    left = compact(store, access.tenant_id, app="tests", now=NOW, keep_since=LONG_AGO)

    assert left.answers == 1
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        assert unit.answers.find("old") is None
        assert unit.answers.find("new") is not None


def test_only_the_tenant_that_is_named_is_compacted(store: Store, access: Access) -> None:
    assert tenants(store, None) == tenants(store, "acme") == [("acme", access.tenant_id)]
    with pytest.raises(UnknownTenant):
        tenants(store, "globex")
