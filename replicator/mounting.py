"""A replicator as an ASGI app of its own, for an app of any framework to mount."""

from collections.abc import Sequence
from datetime import datetime

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from catrelay.asgi import exception_handlers
from catrelay.receiving import MAX_BODY_BYTES
from catrelay.tokens import Access, hash_token


class OneToken:
    """The tokens that are accepted: one, which may read, or none."""

    def __init__(self, tenant: str, token: str | None) -> None:
        self._tenant = tenant
        self._hash = None if token is None else hash_token(token)

    def access(self, token_hash: str) -> Access | None:
        """What the token with this hash stands for."""
        return Access(0, self._tenant, "reader", "read", None) if token_hash == self._hash else None

    def note_use(self, token_hash: str, at: datetime) -> None:
        """Nothing is remembered of it."""


def mounted(routes: Sequence[BaseRoute]) -> Starlette:
    """An app that serves *routes*, wherever it is mounted; it has no lifespan of its own."""
    app = Starlette(routes=list(routes), exception_handlers=exception_handlers())
    app.router.redirect_slashes = False
    app.state.max_body_bytes = MAX_BODY_BYTES
    return app
