"""deltaPings and the subscriptions to them. Source: docs/contract/, "deltaPings"."""

from typing import Annotated, Literal

from pydantic import Field

from catrelay.models.wire import MAX_ID, Id, Moment, NeverNull, Text, Wire

Topic = Literal["categories", "orgs", "jobs/open", "jobs/open/externally", "users", "candidates"]
TOPICS: tuple[Topic, ...] = ("categories", "orgs", "jobs/open", "jobs/open/externally", "users", "candidates")
MAX_BATCH_PINGS = 1_000

# What else is wrong with a URL is said by a problem of its own.
Url = Annotated[str, Field(max_length=2_000, json_schema_extra={"format": "uri", "pattern": "^https?://"})]


class DeltaPing(Wire):
    """What happened to an object, seen from the list that the ping's path names."""

    operation: Literal["insert", "update", "delete"]


class BatchedPing(Wire):
    """One ping within a batch: its path below /t/{tenant}, and the body it would have had."""

    path: str
    body: dict[str, object] | None = None


class PingBatch(Wire):
    """Body of `POST /deltaPings`."""

    pings: tuple[BatchedPing, ...] = Field(max_length=MAX_BATCH_PINGS)


class SubscriptionCreate(Wire):
    """Ask for pings at *url* + /t/{tenant} + path."""

    url: Url
    topics: tuple[Topic, ...] = Field(min_length=1)
    batch: bool = False


class SubscriptionUpdate(Wire):
    """A JSON Merge Patch of what the subscriber may change."""

    url: Annotated[Url | None, NeverNull()] = None
    topics: Annotated[tuple[Topic, ...] | None, Field(min_length=1), NeverNull()] = None
    batch: Annotated[bool | None, NeverNull()] = None


class Subscription(Wire):
    """A subscription.

    secret: stands in the answer to its creation only. cursor: its place in the change log.
    lag: changes not yet delivered. applied_seq: how far the subscriber says it has applied the journal.
    """

    id: Id
    app: Text
    url: str
    topics: tuple[Topic, ...]
    batch: bool
    state: Literal["active", "backing-off", "suspended", "ended"]
    secret: str | None = None
    cursor: int = Field(ge=0)
    lag: int = Field(ge=0)
    last_success: Moment | None = None
    last_error: Text | None = None
    next_attempt: Moment | None = None
    applied_seq: int | None = None
    applied_at: Moment | None = None
    created: Moment


class SubscriptionList(Wire):
    """A keyset page of subscriptions."""

    results: tuple[Subscription, ...]
    next: str | None = None


class Applied(Wire):
    """Body of `PUT /subscriptions/byID/{id}/applied`."""

    seq: int = Field(ge=0, le=MAX_ID)
