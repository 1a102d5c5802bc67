"""`GET /openapi.json`: what is really served."""

from collections.abc import Sequence
from functools import cache

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from catrelay.asgi.openapi import openapi
from catrelay.asgi.operation import answers
from catrelay.asgi.resources import json_response, resource


def description(routes: Sequence[BaseRoute], *, title: str) -> list[Route]:
    """The resource that describes *routes*, and itself."""

    @cache
    def document() -> bytes:
        return orjson.dumps(openapi([*routes, *described], title=title))

    @answers(None, 200)
    def show(_: Request) -> Response:
        """This description, as OpenAPI 3.1."""
        return json_response(document())

    described = [resource("/openapi.json", get=show)]
    return described
