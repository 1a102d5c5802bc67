"""deltaPings and the subscriptions to them. Source: docs/contract/, "deltaPings"."""

from typing import Annotated, Literal

from pydantic import Field

from catrelay.models.wire import MAX_ID, Id, Moment, NeverNull, Text, Wire

Topic = Literal["categories", "orgs", "jobs/open", "jobs/open/externally", "users", "candidates"]
TOPICS: tuple[Topic, ...] = ("categories", "orgs", "jobs/open", "jobs/open/externally", "users", "candidates")
MAX_BATCH_PINGS = 1_000
MAX_KEEP_SECONDS = 604_800
"""A week: who has to change a secret by then has had time to."""

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

    secret: stands in the answers that make one only. old_secret_until: how long the one before signs, too.
    paused: suspended because somebody asked for it. cursor: its place in the change log. lag: changes not yet
    delivered, *missed* included: those that are no longer kept, in whose place it is told to load everything anew.
    lag_seconds: the age of the oldest of them. applied_seq: how far the subscriber says it has applied the journal.
    """

    id: Id
    app: Text
    url: str
    topics: tuple[Topic, ...]
    batch: bool
    state: Literal["active", "backing-off", "suspended", "ended"]
    paused: bool = False
    secret: str | None = None
    old_secret_until: Moment | None = None
    cursor: int = Field(ge=0)
    lag: int = Field(ge=0)
    lag_seconds: int = Field(default=0, ge=0)
    missed: int = Field(default=0, ge=0)
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


class Replay(Wire):
    """Body of `POST /subscriptions/byID/{id}/replay`. since_cursor: 0 for all that is kept."""

    since_cursor: int = Field(ge=0, le=MAX_ID)


class SecretRotation(Wire):
    """Body of `POST /subscriptions/byID/{id}/rotateSecret`. keep_seconds: how long the old secret signs, too."""

    keep_seconds: Annotated[int | None, Field(ge=0, le=MAX_KEEP_SECONDS)] = None


class Delivery(Wire):
    """An attempt to reach a subscriber.

    id: counts the subscription's attempts. message_id: its webhook-id. pings: how many it carried. status: None when
    there was no answer. next_attempt: when what failed is sent again.
    """

    id: Id
    message_id: Text
    path: str
    pings: int = Field(ge=1)
    at: Moment
    milliseconds: int = Field(ge=0)
    status: int | None = None
    error: Text | None = None
    next_attempt: Moment | None = None


class DeliveryList(Wire):
    """A keyset page of deliveries."""

    results: tuple[Delivery, ...]
    next: str | None = None


class Applied(Wire):
    """Body of `PUT /subscriptions/byID/{id}/applied`."""

    seq: int = Field(ge=0, le=MAX_ID)
