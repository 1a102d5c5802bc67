"""Units of work: one snapshot to read from, or one transaction to write in, for one tenant."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import TypeVar

from sqlalchemy import Connection

from ats_stub.domain.files import FileRules
from ats_stub.store.answers import AnswerStore
from ats_stub.store.candidates import CandidateStore
from ats_stub.store.categories import CategoryStore
from ats_stub.store.changes import ChangeLog
from ats_stub.store.counters import Counters, Tally, read_counters
from ats_stub.store.files import FileStore, WriteFileStore
from ats_stub.store.jobs import JobStore
from ats_stub.store.journal import JournalStore
from ats_stub.store.links import LinkStore
from ats_stub.store.moves import MoveStore, PieceSizes
from ats_stub.store.search import SearchIndex, search_index
from ats_stub.store.subscriptions import SubscriptionStore
from ats_stub.store.trees import TreeStore
from ats_stub.store.users import UserStore
from ats_stub.store.values import ValueStore, WriteValueStore
from ats_stub.store.versions import TreeVersions
from catrelay.commits import Transaction
from catrelay.database import Database
from catrelay.models import Category, Wire
from catrelay.vault import Vault
from catrelay.waking import Waker

Done = TypeVar("Done")

MOVES, CHANGES = "moves", "changes"
"""By this name movers are woken when a remap left links behind that have to follow."""


@dataclass(frozen=True)
class Conditions:
    """What a write depends on, of what its sender saw.

    match: raises PreconditionFailed unless the present representation is the one that was seen. journal_seq: of the
    category's journal, when it was seen.
    """

    match: Callable[[bytes], None] | None = None
    journal_seq: int | None = None


NO_CONDITIONS = Conditions()


@dataclass(frozen=True)
class Author:
    """Who writes, when, and on what conditions. app: of the token."""

    tenant: int
    app: str
    now: datetime
    conditions: Conditions = NO_CONDITIONS


class Store:
    """The ATS's database. vault: seals secrets. waker: wakes who waits for what was written, here and elsewhere."""

    def __init__(
        self,
        database: Database,
        file_rules: FileRules | None = None,
        sizes: PieceSizes | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.database = database
        self.vault = vault or Vault()
        self.file_rules = file_rules or FileRules()
        self.sizes = sizes or PieceSizes()
        self.waker = Waker(database)
        self.versions = TreeVersions(database)

    @contextmanager
    def read(self, tenant: int) -> Iterator["Unit"]:
        """A snapshot of one tenant. Raises Forbidden when the tenant was removed meanwhile."""
        with self.database.read() as connection:
            yield Unit(self, connection, tenant, read_counters(connection, tenant))

    @contextmanager
    def write(
        self,
        tenant: int,
        *,
        app: str,
        now: datetime,
        conditions: Conditions | None = None,
        is_long: bool = False,
    ) -> Iterator["WriteUnit"]:
        """A transaction on one tenant, serialised with its other writes from the first statement on.

        app: who asks for it. is_long: nobody else is to wait for its commit. Commits on a clean exit, rolls back on any
        exception.
        """
        author = Author(tenant, app, now, conditions or NO_CONDITIONS)
        with self.database.turn(tenant, is_long=is_long) as transaction, self._unit(transaction, author) as unit:
            yield unit
        self._go_on(unit)

    async def run(self, author: "Author", act: Callable[["WriteUnit"], Done]) -> Done:
        """What *act* returns, in a unit as *write* gives it, in another thread."""

        def part(transaction: Transaction) -> tuple[WriteUnit, Done]:
            with self._unit(transaction, author) as unit:
                return unit, act(unit)

        unit, done = await self.database.run(author.tenant, part)
        self._go_on(unit)
        return done

    @contextmanager
    def _unit(self, transaction: Transaction, author: "Author") -> Iterator["WriteUnit"]:
        tally = transaction.owed(author.tenant, partial(Tally.of, tenant=author.tenant))
        unit = WriteUnit(self, transaction, tally, author)
        yield unit
        tally.add(unit.counters, unit.changes, unit.gathered)

    def _go_on(self, unit: "WriteUnit") -> None:
        if unit.leaves_links_behind:
            self.waker.wake(MOVES)
        if unit.has_to_be_told:
            self.waker.wake(CHANGES)


class Unit:
    """One tenant's data as of one snapshot."""

    def __init__(self, store: Store, connection: Connection, tenant: int, counters: Counters) -> None:
        self._store = store
        self._connection = connection
        self.tenant = tenant
        self.counters = counters
        self.file_rules = store.file_rules
        self._known_categories: dict[int, Category] = {}

    @property
    def connection(self) -> Connection:
        """For statements of one's own."""
        return self._connection

    @cached_property
    def categories(self) -> CategoryStore:
        """Categories, without their values."""
        return CategoryStore(self._connection, self.tenant, self._known_categories, lambda: self.connection)

    @cached_property
    def values(self) -> ValueStore:
        """Values of all categories."""
        return ValueStore(self.connection, self.tenant)

    @cached_property
    def trees(self) -> TreeStore:
        """The available values of a category, all at once."""
        return TreeStore(self.connection, self.tenant)

    @cached_property
    def jobs(self) -> JobStore:
        """Jobs with what they reference."""
        return JobStore(self.connection, self.tenant, self.counters.orgs_category, self.links, self.search)

    @cached_property
    def users(self) -> UserStore:
        """Users with the orgs that they reference."""
        return UserStore(self.connection, self.tenant, self.counters.orgs_category, self.links, self.search)

    @cached_property
    def candidates(self) -> CandidateStore:
        """Candidates with what they reference."""
        return CandidateStore(self.connection, self.tenant, self.links, self.search)

    @cached_property
    def moves(self) -> MoveStore:
        """Remaps whose links have not all followed yet."""
        return MoveStore(self.connection, self.tenant, self._store.sizes)

    @cached_property
    def links(self) -> LinkStore:
        """What objects reference."""
        return LinkStore(self.connection, self.tenant, self.counters, self.moves)

    @cached_property
    def files(self) -> FileStore:
        """Files that objects carry."""
        return FileStore(self.connection, self.tenant, self.file_rules)

    @cached_property
    def search(self) -> SearchIndex:
        """The words of objects."""
        return search_index(self.connection, self.tenant)

    @cached_property
    def journal(self) -> JournalStore:
        """The journal of remaps."""
        return JournalStore(self.connection, self.tenant, self.counters)

    @cached_property
    def subscriptions(self) -> SubscriptionStore:
        """Subscriptions to pings."""
        return SubscriptionStore(self.connection, self.tenant, self.counters.position, self._store.vault)


class WriteUnit(Unit):
    """One tenant's data within one transaction.

    Ids, journal entries and change log rows take their numbers from the locked counters. gathered: values to be
    written. A unit that does nothing but that leaves nothing to roll back.
    """

    def __init__(self, store: Store, transaction: Transaction, tally: Tally, author: Author) -> None:
        super().__init__(store, transaction.connection, author.tenant, replace(tally.counters))
        self._transaction = transaction
        self._known_categories = tally.categories
        self.gathered = tally.values.child()
        self.app = author.app
        self.now = author.now
        self.conditions = author.conditions
        self.changes = ChangeLog(author.tenant, author.now)

    @property
    def connection(self) -> Connection:
        """For statements of one's own, which see what was written before."""
        self._transaction.mark()
        self.gathered.write(self._connection)
        return self._connection

    @cached_property
    def values(self) -> WriteValueStore:
        """Values of all categories."""
        return WriteValueStore(self._connection, self.tenant, self.gathered, lambda: self.connection)

    @property
    def has_to_be_told(self) -> bool:
        """Whether there is something to be told to subscribers, or other subscribers to tell."""
        return not self.changes.is_empty or "subscriptions" in vars(self)

    @property
    def leaves_links_behind(self) -> bool:
        """Whether a remap was made whose links have to follow."""
        return "moves" in vars(self) and self.moves.has_started

    @cached_property
    def answers(self) -> AnswerStore:
        """Answers to the app's requests, for their repeats."""
        return AnswerStore(self.connection, self.tenant, self.app)

    @cached_property
    def files(self) -> WriteFileStore:
        """Files that objects carry."""
        return WriteFileStore(self.connection, self.tenant, self.file_rules, new_id=self.new_id, now=self.now)

    def check_match(self, present: Wire) -> None:
        """Raise PreconditionFailed when the request depends on another state than *present*, as GET answers it."""
        if self.conditions.match is not None:
            self.conditions.match(present.to_json())

    def new_id(self) -> int:
        """An id that this tenant never had."""
        given = self.counters.next_id
        self.counters.next_id += 1
        return given
