"""Units of work: one snapshot to read from, or one transaction to write in."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson
from sqlalchemy import Connection, and_, bindparam, func, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from catrelay.client import values_path
from catrelay.database import Database
from catrelay.problems import Forbidden, Problem, UploadIncomplete
from uploader.domain.mapping import Earlier
from uploader.store.reports import UploadReports
from uploader.store.schema import INCOMPLETE, ORGS, items, tenants, uploads

State = Literal["pending", "done", "failed"]


class LeaseLost(Exception):
    """Another process took the upload over, because this one did not say for too long that it is at work."""


@dataclass(frozen=True)
class UploadRef:
    """One upload of one tenant. tenant_id: the uploader's own number for the tenant."""

    tenant_id: int
    upload: int


@dataclass(frozen=True)
class Claim:
    """An upload to work on. earlier: what is known from its first plan, None before that. owner: of the lease.

    attempts: in a row that brought nothing forward; stuck_since: when the first of them failed.
    """

    ref: UploadRef
    tenant: str
    category: int | None
    body: bytes
    confirmed: bool
    attempts: int
    stuck_since: datetime | None
    owner: str
    lease_until: datetime
    earlier: Earlier | None


@dataclass(frozen=True)
class ItemOutcome:
    """What became of an item. value: the object, when it is known."""

    key: str
    state: State
    value: int | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class NewItem:
    """An item of the first plan. document: as the plan shows it, JSON."""

    outcome: ItemOutcome
    operation: str
    label: str
    document: str


class Store:
    """The uploader's database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @contextmanager
    def read(self) -> Iterator[UploadReports]:
        """A snapshot."""
        with self.database.read() as connection:
            yield UploadReports(connection)

    @contextmanager
    def write(self) -> Iterator["Unit"]:
        """A transaction: committed on a clean exit, rolled back on any exception."""
        with self.database.write() as connection:
            yield Unit(connection)


class Unit:
    """What changes uploads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.reports = UploadReports(connection)

    def accept(
        self,
        tenant_id: int,
        category: int | None,
        body: bytes,
        *,
        orgs_category: int | None,
        confirmed: bool,
        app: str,
        now: datetime,
    ) -> UploadRef:
        """A new upload, queued. category: None for the org tree. orgs_category: the org tree's, where it is known.

        Raises UploadIncomplete while another of the collection is incomplete, Forbidden when the tenant was removed.
        """
        collection = _collection(category, orgs_category)
        # Ids are per tenant: the tenant's row is the lock under which the next one is found.
        lock = select(tenants.c.tenant).where(tenants.c.tenant == tenant_id).with_for_update()
        if self._connection.scalar(lock) is None:
            raise Forbidden("The tenant of this token is no longer there")
        last = self._connection.scalar(select(func.max(uploads.c.id)).where(uploads.c.tenant == tenant_id))
        ref = UploadRef(tenant_id, (last or 0) + 1)
        row = {
            "tenant": tenant_id,
            "id": ref.upload,
            "collection": collection,
            "category": orgs_category if category is None else category,
            "app": app,
            "body": body,
            "confirmed": confirmed,
            "started": now,
            "status": "Queued",
            "due": now,
            "attempts": 0,
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(uploads).values(row))
        except IntegrityError as error:
            raise self._other(tenant_id, collection) from error
        return ref

    def claim(
        self, owner: str, *, now: datetime, lease_until: datetime, besides: Collection[UploadRef] = ()
    ) -> Claim | None:
        """The upload that waits longest, taken for *owner*; one in work elsewhere only when its lease has run out.

        owner: of this claim alone, or an attempt that lost its lease would take the next one's for its own.
        besides: uploads to pass over.
        """
        free = or_(uploads.c.lease_until.is_(None), uploads.c.lease_until <= now)
        row = self._connection.execute(
            select(uploads, tenants.c.name.label("tenant_name"))
            .join(tenants, tenants.c.tenant == uploads.c.tenant)
            .where(uploads.c.status.in_(INCOMPLETE), uploads.c.due <= now, free, *(not_(_is(ref)) for ref in besides))
            .order_by(uploads.c.due, uploads.c.tenant, uploads.c.id)
            .limit(1)
            .with_for_update(skip_locked=True, of=uploads)
        ).one_or_none()
        if row is None:
            return None
        ref = UploadRef(row.tenant, row.id)
        taken = {"owner": owner, "lease_until": lease_until, "status": "Underway"}
        self._connection.execute(update(uploads).where(_is(ref)).values(taken))
        earlier = None if row.baseline is None else Earlier(frozenset(orjson.loads(row.baseline)), self._pins(ref))
        return Claim(
            ref,
            row.tenant_name,
            row.category,
            row.body,
            row.confirmed,
            row.attempts,
            row.stuck_since,
            owner,
            lease_until,
            earlier,
        )

    def unite(self, claim: Claim, orgs_category: int) -> None:
        """File the upload under the org tree if it is of that, now that its category is known.

        Raises UploadIncomplete while another upload of the org tree is incomplete.
        """
        if claim.category not in (None, orgs_category):
            return
        known = {"collection": ORGS, "category": orgs_category}
        try:
            with self._connection.begin_nested():
                self._connection.execute(update(uploads).where(_held(claim)).values(known))
        except IntegrityError as error:
            raise self._other(claim.ref.tenant_id, ORGS) from error

    def hold(self, claim: Claim, lease_until: datetime) -> None:
        """Say that the work goes on. Raises LeaseLost when it was taken over."""
        self._write(claim, lease_until=lease_until)

    def release(self, claim: Claim) -> None:
        """Let any process go on with it at once; nothing happens when that is so already."""
        self._connection.execute(update(uploads).where(_held(claim)).values(owner=None, lease_until=None))

    def postpone(self, claim: Claim, problem: Problem, *, due: datetime, attempts: int, stuck_since: datetime) -> None:
        """Let any process try again from *due* on. problem: why it did not come through. Raises LeaseLost."""
        self._end(claim, problem=_document(problem), due=due, attempts=attempts, stuck_since=stuck_since)

    def finish(self, claim: Claim, problem: Problem | None = None) -> None:
        """End it: in status Error when there is a problem, else Complete. Raises LeaseLost."""
        self._end(claim, status="Complete" if problem is None else "Error", problem=_document(problem))

    def changes_made(self, ref: UploadRef) -> tuple[int, int] | None:
        """How many of how many changes of its plan an upload is known to have made; None while it has no plan."""
        if not self._connection.scalar(select(uploads.c.plan.is_not(None)).where(_is(ref))):
            return None
        states = Counter(self._connection.scalars(select(items.c.state).where(_of(ref))))
        return states["done"], states.total()

    def save_plan(self, claim: Claim, head: str, baseline: Sequence[int], new_items: Sequence[NewItem]) -> None:
        """Keep the first plan. head: JSON of what it says besides its items."""
        self._connection.execute(
            update(uploads)
            .where(_is(claim.ref))
            .values(plan=head, baseline=orjson.dumps(baseline).decode(), problem=None)
        )
        rows = [
            {
                "tenant": claim.ref.tenant_id,
                "upload": claim.ref.upload,
                "position": position,
                "operation": item.operation,
                "label": item.label,
                "item": item.document,
                "key": item.outcome.key,
                **_outcome_columns(item.outcome),
            }
            for position, item in enumerate(new_items, start=1)
        ]
        if rows:
            self._connection.execute(insert(items), rows)

    def positions(self, ref: UploadRef) -> Mapping[str, int]:
        """Where each item stands in the plan, by key."""
        rows = self._connection.execute(select(items.c.key, items.c.position).where(_of(ref)))
        return {row.key: row.position for row in rows}

    def record(self, claim: Claim, outcomes: Mapping[int, ItemOutcome], lease_until: datetime) -> None:
        """Note what became of items, by position, and that nothing keeps the upload waiting. Raises LeaseLost."""
        self._write(claim, lease_until=lease_until, problem=None)
        if not outcomes:
            return
        self._connection.execute(
            update(items).where(_of(claim.ref), items.c.position == bindparam("at_position")),
            [{"at_position": position, **_outcome_columns(outcome)} for position, outcome in outcomes.items()],
        )

    def _end(self, claim: Claim, **columns: object) -> None:
        self._write(claim, owner=None, lease_until=None, **columns)

    def _write(self, claim: Claim, **columns: object) -> None:
        written = self._connection.execute(update(uploads).where(_held(claim)).values(columns))
        if written.rowcount == 0:
            raise LeaseLost(f"upload {claim.ref} is in other hands")

    def _other(self, tenant_id: int, collection: str) -> UploadIncomplete:
        other = self._connection.scalar(
            select(uploads.c.id).where(
                uploads.c.tenant == tenant_id, uploads.c.collection == collection, uploads.c.status.in_(INCOMPLETE)
            )
        )
        return UploadIncomplete(f"Upload {other} of this collection is not complete", upload=other)

    def _pins(self, ref: UploadRef) -> Mapping[str, int]:
        rows = self._connection.execute(
            select(items.c.key, items.c.value).where(_of(ref), items.c.value.is_not(None), items.c.key.like("/%"))
        )
        return {row.key: row.value for row in rows}


def _collection(category: int | None, orgs_category: int | None) -> str:
    return ORGS if category in (None, orgs_category) else values_path(category)


def _is(ref: UploadRef) -> ColumnElement[bool]:
    return and_(uploads.c.tenant == ref.tenant_id, uploads.c.id == ref.upload)


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(_is(claim.ref), uploads.c.owner == claim.owner)


def _of(ref: UploadRef) -> ColumnElement[bool]:
    return and_(items.c.tenant == ref.tenant_id, items.c.upload == ref.upload)


def _outcome_columns(outcome: ItemOutcome) -> dict[str, object]:
    return {"state": outcome.state, "value": outcome.value, "problem": _document(outcome.problem)}


def _document(problem: Problem | None) -> str | None:
    return orjson.dumps(problem.document()).decode() if problem is not None else None
