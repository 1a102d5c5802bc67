"""The headers of the contract, as operations declare them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from catrelay.models import MAX_ID
from catrelay.problems import IdempotencyKeyReused, PreconditionFailed, Problem


@dataclass(frozen=True)
class Header:
    """A header that is taken or sent. problems: what taking it may be answered with, besides invalid-request."""

    name: str
    meaning: str
    schema: Mapping[str, object] = field(default_factory=lambda: {"type": "string"})
    problems: tuple[type[Problem], ...] = ()


_SEQ = {"type": "integer", "minimum": 0, "maximum": MAX_ID}

ETAG = Header("ETag", "Names this state, for If-Match and If-None-Match")
LOCATION = Header("Location", "The path of what was made")
JOURNAL_SEQ = Header("Journal-Seq", "The answer is the state as of this entry of the journal", _SEQ)

IF_MATCH = Header("If-Match", "Change nothing unless the state is one of these", problems=(PreconditionFailed,))
IF_NONE_MATCH = Header("If-None-Match", "Answer 304 when the state is one of these")
IF_JOURNAL_SEQ = Header(
    "If-Journal-Seq",
    "Change nothing when the category's journal has moved past this entry",
    _SEQ,
    problems=(PreconditionFailed,),
)
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "Answer a repeat as the first time, and do nothing again",
    {"type": "string", "minLength": 1, "maxLength": 255},
    problems=(IdempotencyKeyReused,),
)

WEBHOOK_HEADERS = (
    Header("Webhook-Id", "Names the ping (Standard Webhooks)"),
    Header("Webhook-Timestamp", "When it was sent, in seconds since 1970"),
    Header("Webhook-Signature", "`v1,...`, one or more of them, made with the subscription's secret"),
)
