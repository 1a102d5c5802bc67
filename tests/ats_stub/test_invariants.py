"""What holds whatever is done to an ATS, in whatever order, and however far the moves of its links have come."""

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from ats_stub.domain.references import KINDS, Kind
from ats_stub.domain.users import User
from ats_stub.domain.values import MAX_TREE_DEPTH, Value
from ats_stub.operations import candidates, categories, jobs, journal, undo, users, values
from ats_stub.store import Store, WriteUnit
from ats_stub.store.moves import PieceSizes
from ats_stub.store.registry import registry_of
from catrelay.models import CandidateRead, CategoryValueUpload, CategoryWrite, JobRead
from catrelay.problems import Problem
from catrelay.tokens import hash_token
from tests.ats_stub.pins import Pins, References
from tests.ats_stub.snapshots import Snapshot, check_references, check_trees, look

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
UNKNOWN = 10_000
"""An id that nothing has."""

Result = TypeVar("Result")
Thing = TypeVar("Thing")
Document = dict[str, Any]

numbers = st.integers(0, 30)
"""Which of the things that there are, counted around."""

rules = st.sampled_from(
    [{}, {}, {}, {"canMultiSelect": False}, {"leafSelectionOnly": True}, {"mandatory": True}, {"canMultiSelect": None}]
)
rarely = st.sampled_from([False] * 4 + [True])
members: dict[str, st.SearchStrategy[Any]] = {
    "id": numbers,
    "name": st.sampled_from(["A", "b", " ", None]),
    "available": st.sampled_from([True, False, None]),
    "parent": st.none() | numbers,
    "remappedTo": st.none() | numbers,
    "externalId": st.sampled_from(["x", "y", None]),
    "sequence": st.sampled_from([1, 1.5, None]),
    "code": st.sampled_from(["", "c", None]),
    "location": st.sampled_from([{"lat": 1, "lng": 2.5}, {"lat": 1}, None]),
    "values": st.just(()),
}
some_members = st.lists(
    st.one_of([st.tuples(st.just(name), drawn) for name, drawn in members.items()]), max_size=4
).map(dict)
nodes = st.builds(
    lambda given, usual: usual | given, some_members, st.sampled_from([{}, {"name": "n"}, {"id": 1}, {"id": 7}])
)
"""Bodies of any kind, numbers in the place of ids."""


Written = JobRead | User | CandidateRead
MAKE: dict[Kind, Callable[[WriteUnit, Document], Written]] = {
    "job": jobs.create_job,
    "user": users.create_user,
    "candidate": candidates.create_candidate,
}
CHANGE: dict[Kind, Callable[[WriteUnit, int, Document], Written]] = {
    "job": jobs.patch_job,
    "user": users.patch_user,
    "candidate": candidates.patch_candidate,
}


class Ats(RuleBasedStateMachine):
    """One tenant, on which operations run that mean something or nothing; looked at after each."""

    store: Store
    tenants = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.moments = (NOW + timedelta(seconds=number) for number in itertools.count())
        self.pins = Pins()
        self.moved: dict[int, int] = {}
        self.reached = (0, journal.BEGINNING)
        self.name = f"tenant-{next(self.tenants)}"
        self.registry = registry_of(self.store.database)
        self.registry.add_tenant(self.name)
        access = self.registry.access(hash_token(self.registry.add_token(self.name, "tests", "admin")))
        assert access is not None
        self.tenant = access.tenant_id
        self.seen = self.look()

    def teardown(self) -> None:
        """Leave nothing that the next example would have to look at."""
        self.registry.remove_tenant(self.name)

    def look(self) -> Snapshot:
        with self.store.read(self.tenant) as unit:
            return look(unit)

    def attempt(self, act: Callable[[WriteUnit], Result]) -> Result | None:
        """Run *act* in a unit of its own, and check all that there is then. Returns None when it was refused."""
        before = self.seen
        try:
            with self.store.write(self.tenant, app="tests", now=next(self.moments)) as unit:
                result = act(unit)
        except Problem:
            self.seen = self.look()
            assert self.seen.tables == before.tables
            return None
        self.seen = self.look()
        return result

    def check(self) -> None:
        """What holds at any time."""
        check_trees(self.seen)
        check_references(self.seen)
        entries = self.seen.journal
        for holder, references in self.seen.references.items():
            assert references == self.pins.of(holder, entries)
        for entry in entries:
            if entry.seq not in self.moved:
                self.moved[entry.seq] = self.pins.moved_by(entry.seq, entries)
            is_known = entry.operation != "restore" and entry.seq not in self.seen.pending
            assert entry.moved == (self.moved[entry.seq] if is_known else None)

    @initialize(at_once=st.sampled_from([0, 2]))
    def begin(self, at_once: int) -> None:
        self.store = Store(self.store.database, sizes=PieceSizes(at_once=at_once, following=2))
        self.make_category("Expertise", {}, {}, key=None)
        for category in self.seen.trees:
            three = [CategoryValueUpload(name=name) for name in "ABC"]
            self.attempt(partial(values.write_values, category_id=category, writes=three, atomic=True))
        for kind, number in itertools.product(KINDS, range(2)):
            self.write_object(kind=kind, which=number, wanted=[number, number + 3], keeps=False)
        self.put("job", 0, {UNKNOWN: {UNKNOWN}}, keeps=False)

    def category(self, number: int) -> int:
        """The org tree for 0, the others in turn, rarely one that is not there."""
        known = [self.seen.orgs, *sorted(set(self.seen.trees) - {self.seen.orgs})]
        return known[number % len(known)] if number < 28 else UNKNOWN

    def value(self, number: int) -> int:
        known = sorted(self.seen.values)
        return [*known, UNKNOWN][number % (len(known) + 1)]

    def available(self, category: int | None = None) -> list[Value]:
        """The available values, of all categories or of one, the deepest last."""
        found = [value for value in self.seen.values.values() if value.available and category in (None, value.category)]
        return sorted(found, key=lambda value: (self.seen.level(value), value.id))

    def leaves(self) -> list[Value]:
        """What could be made unavailable."""
        parents = {value.parent for value in self.seen.values.values()}
        return [value for value in self.available() if value.id not in parents]

    def node(self, drawn: Document) -> CategoryValueUpload:
        """The body that *drawn* stands for."""
        ids = {name: self.value(drawn[name]) for name in ("id", "parent", "remappedTo") if drawn.get(name) is not None}
        return CategoryValueUpload.model_validate(drawn | ids)

    def write(self, category: int, **members: Any) -> tuple[Value, bool] | None:
        body = CategoryValueUpload.model_validate(members)
        written = self.attempt(lambda unit: values.write_value(unit, category, body))
        self.check()
        return written

    @rule(
        name=st.sampled_from(["Fields", "Places", " "]),
        job_rules=rules,
        candidate_rules=rules,
        key=st.sampled_from([None, "LOCATION"]),
    )
    def make_category(self, name: str, job_rules: Document, candidate_rules: Document, key: str | None) -> None:
        body: Document = {"name": name, "key": key, "jobRules": job_rules, "candidateRules": candidate_rules}
        self.attempt(lambda unit: categories.create_category(unit, CategoryWrite.model_validate(body)))
        self.check()

    @precondition(lambda self: len(self.seen.trees) > 2)
    @rule(which=numbers, force=st.booleans())
    def delete_category(self, which: int, force: bool) -> None:
        self.attempt(lambda unit: categories.delete_category(unit, self.category(which), force=force))
        self.check()

    @rule(which=numbers, node=nodes)
    def write_anything(self, which: int, node: Document) -> None:
        body = self.node(node)
        known = self.seen.values.get(body.id or UNKNOWN)
        category = self.category(which) if known is None or which == 0 else known.category
        self.attempt(lambda unit: values.write_value(unit, category, body))
        self.check()

    @rule(which=numbers, drawn=st.lists(nodes, max_size=4), atomic=st.booleans())
    def write_a_batch(self, which: int, drawn: list[Document], atomic: bool) -> None:
        before = self.seen
        bodies = [self.node(each) for each in drawn]
        answer = self.attempt(lambda unit: values.write_values(unit, self.category(which), bodies, atomic=atomic))
        self.check()
        if answer is None:
            return
        assert len(answer.results) == len(bodies)
        assert self.seen.tables == before.tables or not all(result.problem for result in answer.results)
        for result in answer.results:
            assert (result.status in (200, 201)) == (result.value is not None)
        made = sum(result.status == 201 for result in answer.results)
        assert len(self.seen.values) == len(before.values) + made

    @rule(which=numbers, under=numbers, levels=st.sampled_from([1, 2, 49]))
    def grow(self, which: int, under: int, levels: int) -> None:
        """Values below each other, at the top, below a drawn one or below the deepest: as deep as they may stand."""
        category = self.category(which)
        among = self.available(category)
        parent = _nth(under, [None, *among, *among[-1:] * len(among)])
        top = {} if parent is None else {"parent": parent.id}
        first = self.seen.next_id
        chain = [{"name": "n"} | ({"parent": first + each - 1} if each else top) for each in range(levels)]
        bodies = [CategoryValueUpload.model_validate(each) for each in chain]
        answer = self.attempt(lambda unit: values.write_values(unit, category, bodies, atomic=False))
        self.check()
        if answer is not None and (parent is None or parent.location is None):
            made = sum(result.status == 201 for result in answer.results)
            assert made == min(levels, MAX_TREE_DEPTH - (0 if parent is None else self.seen.level(parent)))

    @precondition(lambda self: self.available())
    @rule(which=numbers, under=numbers)
    def move(self, which: int, under: int) -> None:
        value = _nth(which, self.available())
        self.write(value.category, id=value.id, parent=_nth(under, self.available(value.category)).id)

    @precondition(lambda self: self.leaves())
    @rule(which=numbers)
    def inactivate(self, which: int) -> None:
        value = _nth(which, self.leaves())
        self.write(value.category, id=value.id, available=False)

    @precondition(lambda self: self.leaves())
    @rule(old=numbers, new=numbers)
    def remap(self, old: int, new: int) -> None:
        value = _nth(old, self.leaves())
        target = _nth(new, self.available(value.category))
        self.write(value.category, id=value.id, available=False, remappedTo=target.id)

    @precondition(lambda self: len(self.available()) < len(self.seen.values))
    @rule(which=numbers)
    def restore(self, which: int) -> None:
        value = _nth(which, [value for _, value in sorted(self.seen.values.items()) if not value.available])
        written = self.write(value.category, id=value.id, available=True)
        assert written is not None
        assert (written[0].parent, written[0].remapped_to) == (None, None)

    @precondition(lambda self: self.seen.journal)
    @rule(which=numbers, elsewhere=rarely)
    def undo(self, which: int, elsewhere: bool) -> None:
        undone = {entry.undoes for entry in self.seen.journal}
        standing = [entry for entry in self.seen.journal if entry.operation == "remap" and entry.seq not in undone]
        entry = _nth(which, standing[::-1] or self.seen.journal)
        category = self.category(which) if elsewhere else entry.category
        self.attempt(lambda unit: undo.undo(unit, category, entry.seq))
        self.check()

    @precondition(lambda self: self.leaves())
    @rule(old=numbers, new=numbers, pieces=st.integers(0, 3))
    def remap_and_take_it_back(self, old: int, new: int, pieces: int) -> None:
        before = self.seen
        self.remap(old, new)
        if self.seen.journal == before.journal:
            return
        entry = self.seen.journal[-1]
        for _ in range(pieces):
            self.follow()

        undone = self.attempt(lambda unit: undo.undo(unit, entry.category, entry.seq))
        self.check()

        assert undone is not None
        assert self.seen.tables["category_values"] == before.tables["category_values"]
        assert self.seen.references == before.references

    @precondition(lambda self: self.leaves())
    @rule(old=numbers, new=numbers, kind=st.sampled_from(KINDS), which=st.integers(0, 4))
    def remap_and_use_again(self, old: int, new: int, kind: Kind, which: int) -> None:
        """What references a value after its remap stays there, though others are still on their way from it."""
        value = _nth(old, self.leaves())
        self.remap(old, new)
        self.write(value.category, id=value.id, available=True)
        self.put(kind, which, {value.category: {value.id}}, keeps=True)

    @rule(
        kind=st.sampled_from(KINDS), which=st.integers(0, 4), wanted=st.lists(numbers, max_size=4), keeps=st.booleans()
    )
    def write_object(self, kind: Kind, which: int, wanted: list[int], keeps: bool) -> None:
        chosen: References = {}
        for number in wanted:
            # Available ones, for numbers that are not too high.
            among = self.available() if number < 25 else []
            value = _nth(number, among) if among else self.seen.values.get(self.value(number))
            category, known = (UNKNOWN, UNKNOWN) if value is None else (value.category, value.id)
            chosen.setdefault(category, set()).add(known)
        self.put(kind, which, chosen, keeps=keeps)

    def put(self, kind: Kind, which: int, chosen: References, *, keeps: bool) -> None:
        """Make an object, or change one. keeps: what it references already, besides."""
        known = sorted(holder for holder in self.seen.references if holder[0] == kind)
        holder = known[which] if which < len(known) else None
        present = self.seen.references[holder] if holder and keeps else {}
        wanted = {each: chosen.get(each, set()) | present.get(each, set()) for each in (*chosen, *present)}
        orgs = sorted(wanted.pop(self.seen.orgs, ()))
        listed = [{"category": category, "values": sorted(held)} for category, held in wanted.items()]
        bodies: dict[Kind, Document] = {
            "job": {"title": "Engineer", "categories": listed, "org": orgs[-1] if orgs else None},
            "user": {"orgs": orgs},
            "candidate": {"categories": listed},
        }
        asked: dict[Kind, References] = {
            "job": wanted | {self.seen.orgs: set(orgs[-1:])},
            "user": {self.seen.orgs: set(orgs)},
            "candidate": wanted,
        }

        written = self.attempt(
            lambda unit: CHANGE[kind](unit, holder[1], bodies[kind]) if holder else MAKE[kind](unit, bodies[kind])
        )
        if written is not None:
            self.pins.put((kind, written.id), asked[kind], self.seen.journal)
        self.check()

    @precondition(lambda self: self.seen.pending)
    @rule()
    def follow(self) -> None:
        """Let the mover make the next piece. Nobody sees a difference but in the journal's `moved`."""
        before = self.seen
        reached = self.attempt(lambda unit: journal.move_on(unit, *self.reached))
        self.reached = reached or self.reached
        self.check()
        assert (self.seen.references, self.seen.trees) == (before.references, before.trees)

    @precondition(lambda self: self.seen.pending)
    @rule()
    def start_the_mover_again(self) -> None:
        """Another process goes on, which knows nothing of how far this one came."""
        self.reached = (0, journal.BEGINNING)


def _nth(number: int, things: Sequence[Thing]) -> Thing:
    """One of *things*, counted around."""
    return things[number % len(things)]


def test_what_always_holds_holds_after_any_sequence_of_operations(store: Store) -> None:
    Ats.store = store

    run_state_machine_as_test(
        Ats,
        settings=settings(
            max_examples=6,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_what_always_holds_holds_after_each_operation(store: Store) -> None:
    Ats.store = store
    ats = Ats()
    ats.begin(at_once=0)

    ats.make_category(name="Places", job_rules={}, candidate_rules={}, key="LOCATION")
    ats.write_anything(which=2, node={"name": "n", "location": {"lat": 1, "lng": 2}})
    ats.write_a_batch(which=1, drawn=[{"name": "n"}, {"name": " "}], atomic=False)
    ats.write_a_batch(which=1, drawn=[{"id": 0, "name": " "}], atomic=True)
    ats.grow(which=1, under=1, levels=49)
    ats.grow(which=29, under=0, levels=1)
    ats.move(which=0, under=1)
    ats.remap(old=0, new=0)
    ats.follow()
    ats.start_the_mover_again()
    ats.undo(which=0, elsewhere=False)
    ats.remap_and_take_it_back(old=0, new=0, pieces=1)
    ats.remap_and_use_again(old=1, new=0, kind="candidate", which=0)
    ats.inactivate(which=0)
    ats.restore(which=0)
    ats.delete_category(which=1, force=True)

    ats.teardown()
