"""Which pings a change means, and how many changes become one ping. Source: docs/contract/, "deltaPings"."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ats_stub.domain.references import Kind
from catrelay.models import Topic

Operation = Literal["insert", "update", "delete"]
ChangeKind = Literal["value", "category", "job", "user", "candidate", "moved-jobs", "moved-users", "moved-candidates"]
Subject = Literal["value", "category", "categories", "job", "user", "candidate"]

JOB_TOPICS: tuple[Topic, ...] = ("jobs/open", "jobs/open/externally")
TOPICS_OF: Mapping[Kind, tuple[Topic, ...]] = {"job": JOB_TOPICS, "user": ("users",), "candidate": ("candidates",)}
"""The topics that are about a kind of object. Its pings are below them."""


class Place(NamedTuple):
    """How far into the change log: all of position and before; and of the row after it, objects up to id *object*."""

    position: int
    object: int = 0


@dataclass(frozen=True)
class Change:
    """A row of the change log. kind `moved-...`: all objects with a link at *object* that *moved_by* moved there."""

    position: int
    kind: ChangeKind
    object: int
    operation: Operation
    category: int | None = None
    lists: Mapping[str, Operation] = field(default_factory=dict)
    moved_by: int | None = None


class Ping(NamedTuple):
    """A ping to be sent to *path* below /t/{tenant}.

    position: of the latest change that it tells of. before: the place right before the first one in the log; None
    for a ping that failed while the cursor moved on past it. attempts: how often it failed.
    """

    path: str
    subject: Subject
    object: int
    operation: Operation
    position: int
    before: Place | None = None
    attempts: int = 0


def pings_of(change: Change, topics: Collection[Topic], *, orgs_category: int) -> Iterator[Ping]:
    """The pings that *change*, of any kind but `moved-...`, means for a subscriber of *topics*."""

    def ping(path: str, subject: Subject, object_id: int, operation: Operation = change.operation) -> Ping:
        before = Place(change.position - 1)
        return Ping(f"{path}/deltaPings", subject, object_id, operation, change.position, before)

    is_org = orgs_category in (change.category, change.object if change.kind == "category" else None)
    if change.kind == "job":
        for topic in JOB_TOPICS:
            if topic in topics and topic in change.lists:
                yield ping(f"/{topic}/byID/{change.object}", "job", change.object, change.lists[topic])
    elif change.kind == "user" or change.kind == "candidate":
        for topic in TOPICS_OF[change.kind]:
            if topic in topics:
                yield ping(f"/{topic}/byID/{change.object}", change.kind, change.object)
    elif change.kind == "value" and is_org:
        if "orgs" in topics:
            yield ping(f"/orgs/values/byID/{change.object}", "value", change.object)
    elif change.kind == "value" and change.category is not None and "categories" in topics:
        category = f"/categories/byID/{change.category}"
        yield ping(f"{category}/values/byID/{change.object}", "value", change.object)
        yield ping(category, "category", change.category, "update")
    elif change.kind == "category" and not is_org and "categories" in topics:
        if change.operation != "delete":
            yield ping(f"/categories/byID/{change.object}", "category", change.object)
        yield ping("/categories", "categories", 0, "update")


def pings_of_moved(
    position: int, kind: Kind, moved: int, lists: Collection[Topic], topics: Collection[Topic]
) -> Iterator[Ping]:
    """The pings about one of the objects that a `moved-...` row at *position* stands for. lists: those it is in now."""
    for topic in TOPICS_OF[kind]:
        if topic in topics and topic in lists:
            before = Place(position - 1, moved - 1)
            yield Ping(f"/{topic}/byID/{moved}/deltaPings", kind, moved, "update", position, before)


def resynchronize(missed: Place, position: int) -> Ping:
    """What tells a subscriber of any topics, instead of changes that are no longer kept, to load everything anew.

    missed: how far it was told. position: of the last change that it missed.
    """
    return Ping("/categories/deltaPings", "categories", 0, "update", position, missed)


def collapse(pings: Iterable[Ping]) -> list[Ping]:
    """One ping for each path, in the order of their first changes. pings: in the order of the changes."""
    collapsed: dict[str, Ping] = {}
    for ping in pings:
        add(collapsed, ping)
    return list(collapsed.values())


def add(collapsed: dict[str, Ping], ping: Ping) -> None:
    """Add *ping* to pings by path."""
    earlier = collapsed.get(ping.path)
    collapsed[ping.path] = ping if earlier is None else joined(earlier, ping)


def joined(earlier: Ping, later: Ping) -> Ping:
    """The one ping that tells of both; an object that was made and changed since is still a new one."""
    is_new = earlier.operation == "insert" and later.operation == "update"
    return later._replace(
        operation="insert" if is_new else later.operation,
        before=earlier.before or later.before,
        attempts=max(earlier.attempts, later.attempts),
    )


def cursor_after(end: Place, unsent: Iterable[Ping]) -> Place:
    """How far the log is done with, when of what was read up to *end* the pings *unsent* were not sent."""
    return min((ping.before for ping in unsent if ping.before is not None), default=end)


def message_source(tenant: int, subscription: int, replays: int) -> "hashlib._Hash":
    """What tells the messages of one subscription from those of all others.

    replays: of the subscription so far. Receivers do not listen twice to the same message, and after a replay shall.
    """
    return hashlib.sha256(f"{tenant} {subscription} {replays}".encode())


def message_id(source: "hashlib._Hash", pings: Sequence[Ping]) -> str:
    """The webhook-id of *pings*, sent as one message: the same again when the same is sent again."""
    digest = source.copy()
    for ping in pings:
        digest.update(b"\n%d %b" % (ping.position, ping.path.encode()))
    return f"msg_{digest.hexdigest()[:32]}"
