"""Which subscriptions have something to be sent."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    String,
    Text,
    and_,
    bindparam,
    cast,
    func,
    null,
    or_,
    select,
    union_all,
    update,
)

from ats_stub.domain.pings import Place
from ats_stub.store import schema
from ats_stub.store.windows import Log
from catrelay.database import UtcDateTime
from catrelay.statements import Statement

subscriptions = schema.subscriptions
counters = schema.counters

WORKING = ("active", "backing-off")


@dataclass(frozen=True)
class Group:
    """Subscriptions of a tenant that are at the same place and want the same. topics: as stored."""

    tenant: int
    cursor: Place
    topics: str


@dataclass(frozen=True)
class Behind:
    """A group that is behind the end of its tenant's *log*. only: the id of its member, when it has no others."""

    group: Group
    log: Log
    only: int | None


def free(now: "datetime | BindParameter[datetime]", owner: str | BindParameter[str]) -> ColumnElement[bool]:
    """The condition on subscriptions that no other deliverer holds."""
    leased_by, leased_until = subscriptions.c.leased_by, subscriptions.c.leased_until
    return or_(leased_until.is_(None), leased_until <= now, leased_by == owner)


WORKS = or_(*(subscriptions.c.state == state for state in WORKING))
"""The condition on subscriptions that are sent to."""

_NOW = bindparam("now", type_=UtcDateTime)
_OWNER = bindparam("owner", type_=String)
_MAY_TRY = or_(subscriptions.c.next_attempt.is_(None), subscriptions.c.next_attempt <= _NOW)
_DUE = and_(WORKS, _MAY_TRY, free(_NOW, _OWNER))
_PLACE = (subscriptions.c.tenant, subscriptions.c.cursor, subscriptions.c.cursor_object, subscriptions.c.topics)
_NUMBER, _MOMENT, _TOPICS = cast(null(), BigInteger), cast(null(), UtcDateTime), cast(null(), Text)

_LOG = (counters.c.position, counters.c.orgs_category)
_BEHIND = (
    select(*_PLACE, *_LOG, func.count(), func.min(subscriptions.c.id), _MOMENT)
    .join(counters, counters.c.tenant == subscriptions.c.tenant)
    .where(_DUE, subscriptions.c.cursor < counters.c.position)
    .group_by(*_PLACE, *_LOG)
)
_NO_GROUP = (_NUMBER, _NUMBER, _TOPICS, _NUMBER, _NUMBER, _NUMBER)
_NOBODY = (_NUMBER, *_NO_GROUP, _NUMBER)
_RETRIED = select(subscriptions.c.tenant, *_NO_GROUP, subscriptions.c.id, _MOMENT).where(
    _DUE, subscriptions.c.next_retry <= _NOW
)
_NEXT_TRY = select(*_NOBODY, func.min(subscriptions.c.next_attempt)).where(WORKS, subscriptions.c.next_attempt > _NOW)
_NEXT_RETRY = select(*_NOBODY, func.min(subscriptions.c.next_retry)).where(
    WORKS, _MAY_TRY, subscriptions.c.next_retry > _NOW
)
_NEXT_LEASE = select(*_NOBODY, func.min(subscriptions.c.leased_until)).where(
    WORKS, subscriptions.c.leased_until > _NOW, subscriptions.c.leased_by != _OWNER
)
READY = Statement(union_all(_BEHIND, _RETRIED, _NEXT_TRY, _NEXT_RETRY, _NEXT_LEASE))
"""All there is to know after a commit, in one trip: groups that are behind, subscriptions with a ping that is due to be
sent again, and the next moments at which something is due or another deliverer may be gone."""

_MEMBERS_OF = and_(
    subscriptions.c.tenant == bindparam("of_tenant"),
    subscriptions.c.cursor == bindparam("at"),
    subscriptions.c.cursor_object == bindparam("at_object"),
    subscriptions.c.topics == bindparam("of_topics"),
)
MEMBERS = Statement(select(subscriptions.c.id).where(_MEMBERS_OF, _DUE))
"""Those of a group that are due."""

ADVANCE = Statement(
    update(subscriptions)
    .where(
        _MEMBERS_OF,
        _DUE,
        or_(subscriptions.c.leased_until.is_(None), subscriptions.c.leased_until <= _NOW),
    )
    .values(cursor=bindparam("to"), cursor_object=bindparam("to_object"))
)
"""Brings those of a group on that nobody holds."""


def members_of(group: Group) -> dict[str, object]:
    """The parameters that name *group*."""
    return {
        "of_tenant": group.tenant,
        "at": group.cursor.position,
        "at_object": group.cursor.object,
        "of_topics": group.topics,
    }
