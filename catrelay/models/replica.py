"""What a subscriber app says of its replica. Source: docs/contract/, "Replicator"."""

from pydantic import Field

from catrelay.models.wire import Id, Moment, Text, Wire


class ReceivedPing(Wire):
    """A ping that arrived and was verified. path: below /t/{tenant}."""

    id: Id
    at: Moment
    path: str


class ReceivedPings(Wire):
    """A keyset page of the pings that are still remembered, by id."""

    results: tuple[ReceivedPing, ...]
    next: str | None = None


class ReplicaStatus(Wire):
    """How the replica stands.

    cursor: the seq up to which the journal is applied; absent before the first load and on an ATS without one journal
    per tenant. head: the newest seq seen. lag: head - cursor. pings: how many arrived in all. moved: how many of the
    app's own objects were moved in all. leads: whether the process that answers does the work.
    """

    cursor: int | None = Field(default=None, ge=0)
    head: int | None = Field(default=None, ge=0)
    lag: int | None = Field(default=None, ge=0)
    epoch: Text | None = None
    pings: int = Field(ge=0)
    moved: int = Field(ge=0)
    leads: bool = False
    last_ping: ReceivedPing | None = None
    last_catch_up: Moment | None = None
    last_error: Text | None = None
