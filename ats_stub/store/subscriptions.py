"""Subscriptions, as apps and operators see them."""

from collections.abc import Sequence
from datetime import datetime

import orjson
from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from ats_stub.store import schema
from ats_stub.store.lags import LAG, lag_of
from ats_stub.store.subscription_rows import first_retry
from catrelay.models import Delivery, Subscription, SubscriptionCreate, Topic
from catrelay.vault import Vault

table = schema.subscriptions
failing = schema.failing_pings
attempts = schema.attempts

NOT_LEASED = {"leased_by": None, "leased_until": None}
"""What is under way, perhaps to another URL or with another secret, is not recorded; the deliverer looks anew."""
AT_ONCE = {"state": "active", "attempts": 0, "next_attempt": None, "failing_since": None}


class SubscriptionStore:
    """The subscriptions of a tenant. app: of that app only; None: of all.

    position: the change log's last, from which the lag is counted.
    """

    def __init__(self, connection: Connection, tenant: int, position: int, vault: Vault) -> None:
        self._connection = connection
        self._tenant = tenant
        self._position = position
        self._vault = vault

    def get(self, subscription: int, *, app: str | None, now: datetime) -> Subscription | None:
        """One subscription, as it stands *now*."""
        row = self._connection.execute(self._select(app).where(table.c.id == subscription)).one_or_none()
        return None if row is None else self._subscription(row, now)

    def listed(self, *, app: str | None, after: int, limit: int, now: datetime) -> list[Subscription]:
        """Those with an id above *after*, by id, as they stand *now*."""
        statement = self._select(app).where(table.c.id > after).order_by(table.c.id).limit(limit)
        return [self._subscription(row, now) for row in self._connection.execute(statement)]

    def secret(self, subscription: int) -> str | None:
        """What its pings are signed with; None when there is no such subscription."""
        known = (table.c.tenant == self._tenant) & (table.c.id == subscription)
        stored = self._connection.scalar(select(table.c.secret).where(known))
        return None if stored is None else self._vault.open(stored)

    def deliveries(self, subscription: int, *, after: int, limit: int) -> list[Delivery]:
        """The latest attempts to reach the subscriber with a number above *after*, by number."""
        found = self._connection.execute(
            select(attempts)
            .where(
                attempts.c.tenant == self._tenant,
                attempts.c.subscription == subscription,
                attempts.c.number > after,
            )
            .order_by(attempts.c.number)
            .limit(limit)
        )
        return [_delivery(row) for row in found]

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
        self._update(subscription, url=url, topics=topics_as_stored(topics), batch=batch, **NOT_LEASED)

    def try_at_once(self, subscription: int, *, now: datetime) -> None:
        """Forget what failed: the next attempt of everything is due. A pause ends."""
        self._update(subscription, paused=False, **AT_ONCE, **NOT_LEASED)
        self._retry_failing(subscription, now)

    def pause(self, subscription: int) -> None:
        """Send nothing more until it is resumed. Its place is kept."""
        self._update(subscription, state="suspended", paused=True, next_attempt=None, **NOT_LEASED)

    def replay(self, subscription: int, *, cursor: int, now: datetime) -> None:
        """Go back to *cursor*. All is due at once, unless the subscription is suspended."""
        replays = table.c.replays + 1
        self._update(subscription, cursor=cursor, cursor_object=0, replays=replays, next_attempt=None, **NOT_LEASED)
        self._retry_failing(subscription, now)

    def rotate_secret(self, subscription: int, signing_secret: str, *, old_until: datetime | None) -> None:
        """Sign with another secret, and with the present one as well until *old_until*; None: no more."""
        self._update(
            subscription,
            secret=self._vault.seal(signing_secret),
            old_secret=None if old_until is None else table.c.secret,
            old_secret_until=old_until,
            **NOT_LEASED,
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

    def _retry_failing(self, subscription: int, now: datetime) -> None:
        self._connection.execute(
            update(failing)
            .where(failing.c.tenant == self._tenant, failing.c.subscription == subscription)
            .values(next_attempt=now)
        )
        self._update(subscription, next_retry=first_retry())

    def _select(self, app: str | None) -> Select[tuple[object, ...]]:
        statement = select(table, *LAG).where(table.c.tenant == self._tenant)
        return statement if app is None else statement.where(table.c.app == app)

    def _subscription(self, row: Row[tuple[object, ...]], now: datetime) -> Subscription:
        lag = lag_of(row, self._position, now)
        return Subscription(
            id=row.id,
            app=row.app,
            url=row.url,
            topics=topics_of(row.topics),
            batch=row.batch,
            state=row.state,
            paused=row.paused,
            old_secret_until=row.old_secret_until if row.old_secret_until and row.old_secret_until > now else None,
            cursor=row.cursor,
            lag=lag.changes,
            lag_seconds=lag.seconds,
            missed=lag.missed,
            last_success=row.last_success,
            last_error=row.last_error,
            next_attempt=row.next_attempt,
            applied_seq=row.applied_seq,
            applied_at=row.applied_at,
            created=row.created,
        )


def _delivery(row: Row[tuple[object, ...]]) -> Delivery:
    return Delivery(
        id=row.number,
        message_id=row.message,
        path=row.path,
        pings=row.pings,
        at=row.at,
        milliseconds=row.milliseconds,
        status=row.status,
        error=row.error,
        next_attempt=row.next_attempt,
    )


def topics_as_stored(topics: Sequence[Topic]) -> str:
    """Each topic once, in the order given."""
    return orjson.dumps(list(dict.fromkeys(topics))).decode()


def topics_of(stored: str) -> tuple[Topic, ...]:
    """What `topics_as_stored` stored."""
    return tuple(orjson.loads(stored))
