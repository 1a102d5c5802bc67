"""Subscriptions, as apps and operators see them."""

from collections.abc import Sequence
from datetime import datetime

import orjson
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from ats_stub.store import schema
from catrelay.models import Subscription, SubscriptionCreate, Topic
from catrelay.vault import Vault

table = schema.subscriptions
failing = schema.failing_pings


class SubscriptionStore:
    """The subscriptions of a tenant. app: of that app only; None: of all.

    position: the change log's last, from which the lag is counted.
    """

    def __init__(self, connection: Connection, tenant: int, position: int, vault: Vault) -> None:
        self._connection = connection
        self._tenant = tenant
        self._position = position
        self._vault = vault

    def get(self, subscription: int, *, app: str | None) -> Subscription | None:
        """One subscription."""
        row = self._connection.execute(self._select(app).where(table.c.id == subscription)).one_or_none()
        return None if row is None else self._subscription(row)

    def listed(self, *, app: str | None, after: int, limit: int) -> list[Subscription]:
        """Those with an id above *after*, by id."""
        statement = self._select(app).where(table.c.id > after).order_by(table.c.id).limit(limit)
        return [self._subscription(row) for row in self._connection.execute(statement)]

    def insert(
        self, subscription: int, wanted: SubscriptionCreate, *, app: str, signing_secret: str, now: datetime
    ) -> None:
        """Add a subscription that starts at the present."""
        self._connection.execute(
            insert(table).values(
                tenant=self._tenant,
                id=subscription,
                app=app,
                url=wanted.url,
                topics=topics_as_stored(wanted.topics),
                batch=wanted.batch,
                state="active",
                secret=self._vault.seal(signing_secret),
                cursor=self._position,
                cursor_object=0,
                attempts=0,
                created=now,
            )
        )

    def update(self, subscription: int, *, url: str, topics: Sequence[Topic], batch: bool) -> None:
        """Store what the subscriber asks for."""
        self._update(subscription, url=url, topics=topics_as_stored(topics), batch=batch)

    def try_at_once(self, subscription: int, *, now: datetime) -> None:
        """Forget what failed: the next attempt of everything is due.

        The lease ends, so that an attempt that is under way, perhaps at another URL, is not recorded after this.
        """
        self._update(
            subscription,
            state="active",
            attempts=0,
            next_attempt=None,
            failing_since=None,
            leased_by=None,
            leased_until=None,
        )
        self._connection.execute(
            update(failing)
            .where(failing.c.tenant == self._tenant, failing.c.subscription == subscription)
            .values(next_attempt=now)
        )

    def set_applied(self, subscription: int, *, seq: int, now: datetime) -> None:
        """Note how far the subscriber says it has applied the journal."""
        self._update(subscription, applied_seq=seq, applied_at=now)

    def delete(self, subscription: int) -> None:
        """Remove a subscription with all that was still to be sent to it."""
        self._connection.execute(delete(table).where(table.c.tenant == self._tenant, table.c.id == subscription))

    def _update(self, subscription: int, **values: object) -> None:
        known = (table.c.tenant == self._tenant) & (table.c.id == subscription)
        self._connection.execute(update(table).where(known).values(values))

    def _select(self, app: str | None) -> Select[tuple[object, ...]]:
        failing_count = (
            select(func.count())
            .where(failing.c.tenant == table.c.tenant, failing.c.subscription == table.c.id)
            .scalar_subquery()
        )
        statement = select(table, failing_count.label("failing")).where(table.c.tenant == self._tenant)
        return statement if app is None else statement.where(table.c.app == app)

    def _subscription(self, row: Row[tuple[object, ...]]) -> Subscription:
        return Subscription(
            id=row.id,
            app=row.app,
            url=row.url,
            topics=topics_of(row.topics),
            batch=row.batch,
            state=row.state,
            cursor=row.cursor,
            lag=self._position - row.cursor + row.failing,
            last_success=row.last_success,
            last_error=row.last_error,
            next_attempt=row.next_attempt,
            applied_seq=row.applied_seq,
            applied_at=row.applied_at,
            created=row.created,
        )


def topics_as_stored(topics: Sequence[Topic]) -> str:
    """Each topic once, in the order given."""
    return orjson.dumps(list(dict.fromkeys(topics))).decode()


def topics_of(stored: str) -> tuple[Topic, ...]:
    """What `topics_as_stored` stored."""
    return tuple(orjson.loads(stored))
