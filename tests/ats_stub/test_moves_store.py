"""Links that follow remaps in pieces: whoever reads meanwhile sees all of a remap or nothing of it."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from ats_stub.operations import journal, undo, values
from ats_stub.operations.categories import create_category, delete_category
from ats_stub.store import Store, WriteUnit, schema
from ats_stub.store.moves import PieceSizes, Place
from ats_stub.store.pieces import MAX_LINKS_READ
from catrelay.models import CategoryValueWrite, CategoryWrite, JournalEntry
from catrelay.problems import CannotUndo, Problem
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
OBJECTS = st.integers(1, 5)
SOME = st.integers(0, 4)


@dataclass(frozen=True)
class Link:
    """The oracle's: a reference, and the remaps that moved it."""

    object: int
    value: int
    trail: tuple[int, ...] = ()


class Moves(RuleBasedStateMachine):
    """The store against a list of links that are moved one by one, at once."""

    store: Store
    access: Access

    def __init__(self) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.dates: dict[int, datetime] = {}
        self.remaps: dict[int, tuple[int, int]] = {}
        self.moments = (NOW + timedelta(seconds=number) for number in itertools.count())

    def write(self, act: Callable[[WriteUnit], object]) -> datetime:
        now = next(self.moments)
        with self.store.write(self.access.tenant_id, app="tests", now=now) as unit:
            act(unit)
        return now

    @initialize()
    def five_values(self) -> None:
        def act(unit: WriteUnit) -> None:
            self.category = create_category(unit, CategoryWrite(name="Expertise")).id
            writes = [CategoryValueWrite(name=name) for name in "ABCDE"]
            self.values = [values.write_value(unit, self.category, write)[0].id for write in writes]
            self.first_object = unit.counters.next_id * 10

        self.write(act)
        self.available = set(self.values)

    def _moved(self, link: Link, at: datetime, **changed: object) -> Link:
        self.dates[link.object] = at
        return replace(link, **changed)  # type: ignore[arg-type]  # the fields of a Link

    @rule(each=OBJECTS, wanted=st.sets(SOME, max_size=3))
    def pin(self, each: int, wanted: set[int]) -> None:
        chosen = {self.values[number] for number in wanted} & self.available
        self.write(lambda unit: unit.links.replace("job", self.first_object + each, {self.category: chosen}))

        self.links = [link for link in self.links if link.object != each or link.value in chosen]
        present = {link.value for link in self.links if link.object == each}
        self.links += [Link(each, value) for value in sorted(chosen - present)]

    @precondition(lambda self: len(self.available) > 1)
    @rule(old=SOME, new=SOME)
    def remap(self, old: int, new: int) -> None:
        old, new = self.values[old], self.values[new]
        if old == new or not {old, new} <= self.available:
            return
        seqs: list[int] = []

        def act(unit: WriteUnit) -> None:
            write = CategoryValueWrite(id=old, available=False, remapped_to=new)
            values.write_value(unit, self.category, write)
            seqs.append(unit.counters.seq)

        at = self.write(act)
        self.available.remove(old)
        self.remaps[seqs[0]] = (old, new)
        self.links = [
            self._moved(link, at, value=new, trail=(*link.trail, seqs[0])) if link.value == old else link
            for link in self.links
        ]

    @rule(which=SOME)
    def inactivate(self, which: int) -> None:
        gone = self.values[which]
        if gone in self.available:
            self.write(
                lambda unit: values.write_value(unit, self.category, CategoryValueWrite(id=gone, available=False))
            )
            self.available.remove(gone)
            self.links = [link for link in self.links if link.value != gone]

    @rule(which=SOME)
    def restore(self, which: int) -> None:
        value = self.values[which]
        self.write(lambda unit: values.write_value(unit, self.category, CategoryValueWrite(id=value, available=True)))
        self.available.add(value)

    @precondition(lambda self: self.remaps)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(sorted(self.remaps)))
        old, _ = self.remaps[seq]
        try:
            at = self.write(lambda unit: undo.undo(unit, self.category, seq))
        except CannotUndo:
            return
        del self.remaps[seq]
        self.available.add(old)
        self.links = [
            self._moved(link, at, value=old, trail=link.trail[:-1]) if link.trail[-1:] == (seq,) else link
            for link in self.links
        ]

    @rule(pieces=st.integers(1, 4))
    def follow(self, pieces: int) -> None:
        reached = (0, journal.BEGINNING)
        for _ in range(pieces):
            with self.store.write(self.access.tenant_id, app="ats", now=NOW) as unit:
                reached = journal.move_on(unit, *reached) or reached

    @invariant()
    def every_object_references_what_it_should(self) -> None:
        if not hasattr(self, "values"):
            return
        wanted: dict[int, set[int]] = {each: set() for each in range(1, 6)}
        for link in self.links:
            wanted[link.object].add(link.value)
        with self.store.read(self.access.tenant_id) as unit:
            held = unit.links.of("job", [self.first_object + each for each in range(1, 6)])
            for each, references in wanted.items():
                assert held[self.first_object + each].references.get(self.category, set()) == references
            for value in self.values:
                holders = {self.first_object + each for each, references in wanted.items() if value in references}
                assert set(unit.connection.scalars(unit.links.objects("job", [value]))) == holders
                assert unit.links.count("job", value) == len(holders)
            assert unit.links.is_used(self.category) == any(wanted.values())

    @invariant()
    def who_was_moved_has_the_date_of_the_last_move(self) -> None:
        if not self.dates:
            return
        with self.store.read(self.access.tenant_id) as unit:
            held = unit.links.of("job", [self.first_object + each for each in self.dates])
        for each, at in self.dates.items():
            if any(link.object == each and link.trail for link in self.links):
                assert held[self.first_object + each].latest(NOW) >= NOW
            moved_at = held[self.first_object + each].moved_at
            assert moved_at is None or moved_at >= NOW or moved_at == at


@pytest.mark.parametrize("at_once", [0, 2])
def test_links_are_where_they_should_be_at_every_moment(store: Store, access: Access, at_once: int) -> None:
    Moves.store = Store(store.database, sizes=PieceSizes(at_once=at_once, following=2))
    Moves.access = access

    run_state_machine_as_test(Moves, settings=settings(max_examples=6, stateful_step_count=20, deadline=None))


@pytest.fixture
def pieces(store: Store) -> Store:
    """The store, moving nothing at once and three links at a time."""
    return Store(store.database, sizes=PieceSizes(at_once=0, following=3))


@dataclass
class Prepared:
    """A category with two values, ten jobs at the first, the last three of them at both."""

    category: int
    old: int
    new: int

    def remap(self, unit: WriteUnit) -> None:
        write = CategoryValueWrite(id=self.old, available=False, remapped_to=self.new)
        values.write_value(unit, self.category, write)


def prepared(store: Store, access: Access) -> Prepared:
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        category = create_category(unit, CategoryWrite(name="Expertise")).id
        old, new = (values.write_value(unit, category, CategoryValueWrite(name=name))[0].id for name in ("Old", "New"))
        for number in range(10):
            held = {old, new} if number >= 7 else {old}
            unit.links.replace("job", 1_000 + number, {category: held})
    return Prepared(category, old, new)


def entry(store: Store, access: Access, seq: int = 1) -> JournalEntry:
    with store.read(access.tenant_id) as unit:
        found = unit.journal.find(seq)
    assert found is not None
    return found.entry


def steps(store: Store, access: Access) -> Iterator[None]:
    """Moves on, and yields after each transaction, until all have followed."""
    reached: tuple[int, Place] | None = (0, journal.BEGINNING)
    while reached is not None:
        with store.write(access.tenant_id, app="ats", now=NOW) as unit:
            reached = journal.move_on(unit, *reached)
        yield


def test_the_journal_says_how_many_moved_once_all_have(pieces: Store, access: Access) -> None:
    there = prepared(pieces, access)
    with pieces.write(access.tenant_id, app="tests", now=NOW) as unit:
        there.remap(unit)

    told = [entry(pieces, access).moved for _ in steps(pieces, access)]

    assert told[0] is None
    assert told[-1] == 10


def test_small_moves_wait_only_for_those_that_bring_or_take_on_their_links(store: Store, access: Access) -> None:
    store = Store(store.database, sizes=PieceSizes(at_once=3, following=3))
    there = prepared(store, access)

    def inactivate(unit: WriteUnit, value: int) -> None:
        values.write_value(unit, there.category, CategoryValueWrite(id=value, available=False))

    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        others = [values.write_value(unit, there.category, CategoryValueWrite(name="x"))[0].id for _ in range(1_100)]
        unit.links.replace("job", 2_000, {there.category: others[:2]})
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        there.remap(unit)
        for value in (*others, there.new):
            inactivate(unit, value)

    with store.read(access.tenant_id) as seen:
        # More of them would be more than a statement about links can say.
        assert [move.source for move in seen.moves.pending] == [there.old, there.new]
        assert seen.links.count("job", others[0]) == seen.links.count("job", there.new) == 0
    assert [entry(store, access, seq).moved for seq in (1, 2, 3, 4)] == [None, 1, 1, 0]


def test_who_dies_between_two_pieces_is_replaced_by_who_starts_from_the_beginning(
    pieces: Store, access: Access
) -> None:
    there = prepared(pieces, access)
    with pieces.write(access.tenant_id, app="tests", now=NOW) as unit:
        there.remap(unit)

    for _ in range(2):
        next(steps(pieces, access))
    for _ in steps(pieces, access):
        pass

    assert entry(pieces, access).moved == 10
    with pieces.read(access.tenant_id) as unit:
        assert unit.links.count("job", there.new) == 10


@pytest.mark.parametrize("others", [0, MAX_LINKS_READ])
def test_links_that_are_not_about_the_remap_stay_however_many_there_are(
    pieces: Store, access: Access, others: int
) -> None:
    there = prepared(pieces, access)
    jobs = range(1_000, 1_010)
    with pieces.write(access.tenant_id, app="tests", now=NOW) as unit:
        beside = {
            values.write_value(unit, there.category, CategoryValueWrite(name=f"x{number}"))[0].id
            for number in range(others)
        }
        for each in jobs:
            unit.links.replace("job", each, {there.category: {there.old, *beside}})
        there.remap(unit)

    for _ in steps(pieces, access):
        pass

    with pieces.read(access.tenant_id) as unit:
        held = unit.links.of("job", jobs)
        stored = set(unit.connection.scalars(select(schema.links.c.value)))
    assert all(each.references == {there.category: {there.new, *beside}} for each in held.values())
    assert stored == {there.new, *beside}
    assert entry(pieces, access).moved == len(jobs)


def test_an_undo_gives_back_what_the_remap_moved_and_leaves_what_was_there(pieces: Store, access: Access) -> None:
    there = prepared(pieces, access)
    with pieces.read(access.tenant_id) as unit:
        before = {number: held.references for number, held in unit.links.of("job", range(1_000, 1_010)).items()}
    with pieces.write(access.tenant_id, app="tests", now=NOW) as unit:
        there.remap(unit)
        undo.undo(unit, there.category, 1)

    for _ in steps(pieces, access):
        with pieces.read(access.tenant_id) as unit:
            held = unit.links.of("job", range(1_000, 1_010))
        assert {number: each.references for number, each in held.items()} == before

    undone = entry(pieces, access, 2)
    assert (undone.operation, undone.undoes, undone.id, undone.remapped_to) == ("undo", 1, there.old, there.new)
    assert undone.moved == 10


def refusal(store: Store, access: Access, act: Callable[[WriteUnit], object]) -> str:
    with pytest.raises(Problem) as refused, store.write(access.tenant_id, app="tests", now=NOW) as unit:
        act(unit)
    return f"{refused.value.status} {refused.value.detail}"


def test_what_cannot_be_taken_back_exactly_is_not_taken_back(store: Store, access: Access) -> None:
    there = prepared(store, access)
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        there.remap(unit)
        third = values.write_value(unit, there.category, CategoryValueWrite(name="Third"))[0].id
        onward = CategoryValueWrite(id=there.new, available=False, remapped_to=third)
        values.write_value(unit, there.category, onward)

    said = refusal(store, access, lambda unit: undo.undo(unit, there.category, 1))

    assert said == f"409 Entry 2 took value {there.new} away since, and was not undone"
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        undo.undo(unit, there.category, 2)
        undo.undo(unit, there.category, 1)
    assert refusal(store, access, lambda unit: undo.undo(unit, there.category, 1)).startswith("409 Entry 1 was taken")
    assert refusal(store, access, lambda unit: undo.undo(unit, there.category, 3)).startswith("409 Entry 3 is no remap")
    assert refusal(store, access, lambda unit: undo.undo(unit, there.category, 9)).startswith("404")


def test_a_value_comes_back_where_it_stood_or_not_at_all(store: Store, access: Access) -> None:
    there = prepared(store, access)
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        parent = values.write_value(unit, there.category, CategoryValueWrite(name="Parent"))[0].id
        values.write_value(unit, there.category, CategoryValueWrite(id=there.old, parent=parent))
        there.remap(unit)
        values.write_value(unit, there.category, CategoryValueWrite(id=parent, available=False))

    said = refusal(store, access, lambda unit: undo.undo(unit, there.category, 1))
    assert said.startswith(f"409 Value {there.old} cannot stand where it stood")

    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        values.write_value(unit, there.category, CategoryValueWrite(id=parent, available=True))
        undo.undo(unit, there.category, 1)
        value = unit.values.value(there.old)
    assert value is not None
    assert (value.available, value.parent, value.remapped_to) == (True, parent, None)


def test_there_are_never_so_many_pending_moves_that_reading_becomes_slow(pieces: Store, access: Access) -> None:
    with pieces.write(access.tenant_id, app="tests", now=NOW) as unit:
        category = create_category(unit, CategoryWrite(name="Expertise")).id
        held = [
            values.write_value(unit, category, CategoryValueWrite(name=str(number)))[0].id
            for number in range(journal.MAX_PENDING_MOVES + 5)
        ]
        for number, value in enumerate(held):
            unit.links.replace("job", 1_000 + number, {category: {value}})

    with pieces.write(access.tenant_id, app="tests", now=NOW) as unit:
        delete_category(unit, category, force=True)
        assert len(unit.moves.pending) == journal.MAX_PENDING_MOVES

    assert entry(pieces, access, 5).moved == 1
    with pieces.read(access.tenant_id) as unit:
        assert not unit.links.is_used(category)
        assert all(not each.references for each in unit.links.of("job", range(1_000, 1_000 + len(held))).values())
