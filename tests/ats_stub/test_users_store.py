"""The lists of users, on both databases: pages and membership, for any dates, also while remaps are under way."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from ats_stub.domain.users import User, UserList, is_in
from ats_stub.operations import journal, users, values
from ats_stub.store import Store, Unit, WriteUnit, open_database, schema
from ats_stub.store.moves import PieceSizes
from ats_stub.store.pages import UNBOUNDED, Bound
from ats_stub.store.users import UserQuery
from catrelay.models import MAX_ID, CategoryValueWrite, UserWrite
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
LISTS: tuple[UserList, ...] = ("users", "users/active", "users/active/managers", "users/active/recruiters")

# Few different moments, so that many users share one; some differ by the least that is stored.
moments = st.sampled_from([NOW + timedelta(days=d, microseconds=m) for d in (-1, 0, 1) for m in (-1, 0, 1)])
details = st.sampled_from([None, {}, {"a": 1}])
states = st.builds(UserWrite, active_flag=st.booleans(), manager=details, recruiter=details)


class Discarded(Exception):
    """Ends a transaction that nobody shall see."""


@pytest.fixture
def tenant(access: Access) -> int:
    return access.tenant_id


@contextmanager
def holding(
    store: Store, tenant: int, found: list[tuple[UserWrite, datetime]]
) -> Iterator[tuple[WriteUnit, dict[int, User]]]:
    """The users by id in a transaction that is discarded at the end, so that each example finds an empty table."""
    with suppress(Discarded), store.write(tenant, app="tests", now=NOW) as unit:
        known = {(number := unit.new_id()): User(number, state, date) for state, date in found}
        for user in known.values():
            unit.users.insert(user)
        yield unit, known
        raise Discarded


def pages(unit: Unit, *, by_date: bool, descending: bool, limit: int) -> Iterator[list[User]]:
    """All pages, each from the last record of the one before."""
    bound = Bound(MAX_ID if descending else 0, (LAST if descending else FIRST) if by_date else None)
    while True:
        query = UserQuery(
            "users",
            by_date=by_date,
            above=UNBOUNDED if descending else bound,
            below=bound if descending else UNBOUNDED,
            descending=descending,
            limit=limit,
        )
        page = unit.users.page(query)
        yield page
        if len(page) < limit:
            return
        bound = Bound(page[-1].id, page[-1].date_last_updated if by_date else None)


dated = st.lists(st.tuples(states, moments), max_size=8)


def test_pages_of_every_order_have_each_user_exactly_once_whatever_its_date(store: Store, tenant: int) -> None:
    @settings(max_examples=25)
    @given(dated, st.booleans(), st.booleans(), st.integers(1, 4))
    def holds(some: list[tuple[UserWrite, datetime]], by_date: bool, descending: bool, limit: int) -> None:
        with holding(store, tenant, some) as (unit, known):
            found = [user for page in pages(unit, by_date=by_date, descending=descending, limit=limit) for user in page]

            expected = sorted(
                known.values(), key=lambda u: (u.date_last_updated if by_date else NOW, u.id), reverse=descending
            )
            assert found == expected

    holds()


def test_the_database_and_the_rules_agree_which_lists_a_user_is_in(store: Store, tenant: int) -> None:
    @settings(max_examples=25)
    @given(dated)
    def holds(some: list[tuple[UserWrite, datetime]]) -> None:
        with holding(store, tenant, some) as (unit, known):
            for which in LISTS:
                expected = [i for i, user in known.items() if is_in(which, user.state)]

                assert [user.id for user in unit.users.page(UserQuery(which))] == expected
                assert [i for i in known if unit.users.in_list(which, i)] == expected

    holds()


def test_a_page_takes_two_statements_however_many_users_it_has(store: Store, tenant: int) -> None:
    with holding(store, tenant, [(UserWrite(active_flag=True), NOW)] * 100) as (unit, known):
        assert unit.moves.pending == []
        statements: list[str] = []
        event.listen(unit.connection, "before_execute", lambda *_: statements.append("executed"))

        assert len(unit.users.page(UserQuery("users"))) == len(known)

        assert len(statements) == 2


@pytest.fixture
def slow_store(database_url: str, access: Access) -> Iterator[Store]:
    """A store in which no link moves with the remap itself, and one at a time afterwards."""
    store = Store(open_database(database_url), sizes=PieceSizes(at_once=0, following=1))
    yield store
    store.database.close()


class Clock:
    """Each write a second after the one before."""

    def __init__(self, store: Store, tenant: int) -> None:
        self._store = store
        self._tenant = tenant
        self._now = NOW

    @contextmanager
    def writing(self) -> Iterator[WriteUnit]:
        self._now += timedelta(seconds=1)
        with self._store.write(self._tenant, app="tests", now=self._now) as unit:
            yield unit

    def org(self, name: str) -> int:
        with self.writing() as unit:
            write = CategoryValueWrite(name=name)
            return values.write_value(unit, unit.counters.orgs_category, write)[0].id

    def user(self, *orgs: int) -> int:
        with self.writing() as unit:
            return users.create_user(unit, {"orgs": orgs}).id

    def give_up(self, org: int, target: int | None) -> None:
        with self.writing() as unit:
            write = CategoryValueWrite(id=org, available=False, remapped_to=target)
            values.write_value(unit, unit.counters.orgs_category, write)

    def steps(self) -> Iterator[None]:
        """Let one link after the other follow, until all have."""
        seq, place = 0, journal.BEGINNING
        while True:
            with self.writing() as unit:
                after = journal.move_on(unit, seq, place)
            if after is None:
                return
            seq, place = after
            yield


def test_lists_by_date_are_right_at_every_step_of_remaps_that_are_under_way(slow_store: Store, tenant: int) -> None:
    clock = Clock(slow_store, tenant)
    a, b, c = map(clock.org, "ABC")
    made = [clock.user(*orgs) for orgs in ([a], [], [a, b], [b], [c], [a])]
    clock.give_up(a, b)
    with clock.writing() as unit:
        users.patch_user(unit, made[5], {"manager": {}})  # its link is still on its way
    clock.give_up(b, c)
    made.append(clock.user(c))
    clock.give_up(c, None)

    def listed() -> tuple[list[User], list[User], list[User | None]]:
        with slow_store.read(tenant) as unit:
            up, down = (
                [user for page in pages(unit, by_date=True, descending=descending, limit=2) for user in page]
                for descending in (False, True)
            )
            return up, down, [unit.users.get(user) for user in made]

    first = up, down, single = listed()
    assert up == sorted(filter(None, single), key=lambda user: (user.date_last_updated, user.id))
    assert down == up[::-1]
    assert [user.orgs for user in up] == [()] * len(made)
    meanwhile = [listed() for _ in clock.steps()]
    assert len(meanwhile) > len(made)
    assert meanwhile == [first] * len(meanwhile)
    with slow_store.read(tenant) as reading:
        stored = reading.connection.execute(select(schema.users.c.id, schema.users.c.date_last_updated)).all()
    assert {row.id: row.date_last_updated for row in stored} == {user.id: user.date_last_updated for user in up}
