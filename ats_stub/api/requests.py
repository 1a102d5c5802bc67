"""From a request to a unit of work, and back to an answer."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from ats_stub.store import Store, Unit, WriteUnit
from ats_stub.store.answers import Answer
from ats_stub.store.unit import Author, Conditions
from ats_stub.store.versions import TreeVersion
from catrelay.asgi import access_of, etag_of, path_id
from catrelay.asgi.body import list_header
from catrelay.asgi.conditions import matches
from catrelay.models import MAX_ID
from catrelay.problems import IdempotencyKeyReused, InvalidRequest, PreconditionFailed

Reveal = Callable[[WriteUnit, Response], Response]

MAX_IDEMPOTENCY_KEY_CHARACTERS = 255


class Requests:
    """How handlers reach the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, request: Request) -> AbstractContextManager[Unit]:
        """A snapshot of the tenant whose token was sent."""
        return self._store.read(access_of(request).tenant_id)

    def tree_version(self, request: Request) -> TreeVersion | None:
        """The present version of the tree that the path names, or of the org tree."""
        return self._store.versions.of_one(access_of(request).tenant_id, named_category(request))

    def tree_versions(self, request: Request) -> list[TreeVersion]:
        """The present versions of all trees, by the ids of their categories. There is one at least."""
        return self._store.versions.of_all(access_of(request).tenant_id)

    async def write(
        self, request: Request, act: Callable[[WriteUnit], Response], *, reveal: Reveal | None = None
    ) -> Response:
        """The answer that *act* makes within one unit of work, its body read before.

        A POST with an `Idempotency-Key` is answered as it was the first time, without *act*; what is refused changes
        nothing and may be tried again. Raises IdempotencyKeyReused when the key came with another request.
        reveal: adds to an answer, also to a repeat, what must not be kept for repeats.
        """
        access, now = access_of(request), datetime.now(UTC)
        author = Author(access.tenant_id, access.app, now, _conditions(request))
        key = _idempotency_key(request)
        show = reveal or _as_it_is
        if key is None:
            return await self._store.run(author, lambda unit: show(unit, act(unit)))
        fingerprint = _fingerprint(request)

        def act_once(unit: WriteUnit) -> Response:
            known = unit.answers.find(key)
            if known is not None:
                return show(unit, _repeated(known, key, fingerprint))
            response = act(unit)
            unit.answers.keep(key, _kept(response, fingerprint), now=now)
            return show(unit, response)

        return await self._store.run(author, act_once)


def _as_it_is(_: WriteUnit, response: Response) -> Response:
    return response


def named_category(request: Request) -> int | None:
    """The id of the category that the path names; None where it is `/orgs`, which names that of the org tree."""
    return path_id(request, "category") if "category" in request.path_params else None


def category_in(request: Request, unit: Unit) -> int:
    """The id of the category that the path names, that of the org tree where it is `/orgs`."""
    return named_category(request) or unit.counters.orgs_category


def _conditions(request: Request) -> Conditions:
    if_match = list_header(request, "if-match")
    return Conditions(None if if_match is None else partial(_check_match, if_match), _if_journal_seq(request))


def _check_match(if_match: str, present: bytes) -> None:
    if not matches(if_match, etag_of(present)):
        raise PreconditionFailed("If-Match does not name the present state: read it again, then decide")


def _if_journal_seq(request: Request) -> int | None:
    text = request.headers.get("if-journal-seq")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < len(str(MAX_ID))):
        raise InvalidRequest("The header If-Journal-Seq is a journal entry's seq")
    return int(text)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return None
    if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY_CHARACTERS or not key.isprintable() or not key.isascii():
        raise InvalidRequest(
            f"The header Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY_CHARACTERS} visible ASCII characters"
        )
    return key


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(getattr(request.state, "body", b""))
    return digest.hexdigest()


def _kept(response: Response, fingerprint: str) -> Answer:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
    return Answer(fingerprint, response.status_code, headers, bytes(response.body))


def _repeated(known: Answer, key: str, fingerprint: str) -> Response:
    if known.fingerprint != fingerprint:
        raise IdempotencyKeyReused(f"The Idempotency-Key {key!r} came with another request before")
    return Response(known.body, status_code=known.status, headers=dict(known.headers))
