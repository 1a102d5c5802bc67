"""Signatures of pings, by the Standard Webhooks scheme. Source: docs/contract/, "deltaPings"."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET_BYTES = 32


class SignatureInvalid(Exception):
    """The message was not signed by whoever holds one of the secrets, or not lately."""


def new_secret() -> str:
    """A new signing secret, `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(body: bytes, *, message_id: str, at: datetime, signing_secrets: Sequence[str]) -> dict[str, str]:
    """The three headers for *body* (UTF-8). With two secrets, as during a rotation, both signatures are sent.

    at: aware, in UTC.
    """
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, text) for secret in signing_secrets),
    }


def verify(body: bytes, headers: Mapping[str, str], *, signing_secrets: Sequence[str]) -> str:
    """The message's id, once one of *signing_secrets* confirms it and it is at most five minutes old.

    Raises SignatureInvalid.
    """
    for secret in signing_secrets:
        try:
            Webhook(secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            continue
        return headers["webhook-id"]
    raise SignatureInvalid("the signature headers do not confirm this message")
