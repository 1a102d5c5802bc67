"""Signatures of pings, by the Standard Webhooks scheme. Source: docs/contract/, "deltaPings"."""

import base64
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

SECRET_BYTES = 32
TOLERANCE = timedelta(minutes=5)
_SECONDS = re.compile("[0-9]{1,11}")


class SignatureInvalid(Exception):
    """The message was not signed by whoever holds one of the secrets, or not lately."""


@dataclass(frozen=True)
class SignedMessage:
    """What was signed. at: when, by the sender's clock. secret: the one that confirms it."""

    id: str
    at: datetime
    secret: str = field(repr=False)


def new_secret() -> str:
    """A new signing secret, `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


class Signer:
    """Signs with the same secrets again and again. With two, as during a rotation, both signatures are sent.

    Raises ValueError for what is no secret.
    """

    def __init__(self, signing_secrets: Sequence[str]) -> None:
        self._keys = [_key(secret) for secret in signing_secrets]

    def headers(self, body: bytes, *, message_id: str, at: datetime) -> dict[str, str]:
        """The three headers for *body* (UTF-8). at: aware."""
        timestamp = str(int(at.timestamp()))
        signed = f"{message_id}.{timestamp}.".encode() + body
        signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self._keys]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }


def sign(body: bytes, *, message_id: str, at: datetime, signing_secrets: Sequence[str]) -> dict[str, str]:
    """The headers of one message. Whoever signs many has a Signer."""
    return Signer(signing_secrets).headers(body, message_id=message_id, at=at)


def verify(
    body: bytes,
    headers: Mapping[str, str],
    *,
    signing_secrets: Sequence[str],
    at: datetime,
    tolerance: timedelta = TOLERANCE,
) -> SignedMessage:
    """The message that one of *signing_secrets* confirms, signed no longer than *tolerance* before or after *at*.

    headers: by names in lower case, or whatever finds them so. at: now. Raises SignatureInvalid.
    """
    message_id, signed_at = headers.get("webhook-id", ""), _moment(headers.get("webhook-timestamp", ""))
    given = [each.encode() for each in headers.get("webhook-signature", "").split(" ")]
    if message_id and signed_at is not None and abs(signed_at - at) <= tolerance:
        for secret in signing_secrets:
            expected = _signature(secret, message_id, signed_at, body)
            if expected and any(hmac.compare_digest(expected, each) for each in given):
                return SignedMessage(message_id, signed_at, secret)
    raise SignatureInvalid("the signature headers do not confirm this message")


def _moment(timestamp: str) -> datetime | None:
    return datetime.fromtimestamp(int(timestamp), UTC) if _SECONDS.fullmatch(timestamp) else None


def _signature(secret: str, message_id: str, at: datetime, body: bytes) -> bytes | None:
    """None: nothing can be signed like this."""
    # What is signed is for the library to say. Its own verification reads the clock, and knows one tolerance.
    try:
        return Webhook(secret).sign(message_id, at, body.decode()).encode()
    except (EmptyWebhookSecretError, ValueError):
        return None


def _key(secret: str) -> bytes:
    # As the library reads secrets, padded or not; but it would do so again for each signature.
    key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    if not key:
        raise ValueError("an empty secret, with which anybody could sign")
    return key
