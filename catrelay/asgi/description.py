"""`GET /openapi.json`: what is really served; `GET /docs`: the same for people."""

from collections.abc import Sequence
from functools import cache

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from catrelay.asgi import docs
from catrelay.asgi.openapi import Json, openapi
from catrelay.asgi.operation import answers
from catrelay.asgi.resources import etag_of, json_response, resource


def description(routes: Sequence[BaseRoute], *, title: str) -> list[Route]:
    """The resources that describe *routes*, and themselves."""

    @cache
    def document() -> Json:
        return openapi([*routes, *described], title=title)

    @cache
    def document_json() -> bytes:
        return orjson.dumps(document())

    @cache
    def page() -> bytes:
        return docs.page(document()).encode()

    @answers(None, 200)
    def show(_: Request) -> Response:
        """This description, as OpenAPI 3.1."""
        return json_response(document_json())

    @answers(None, 200, media_type="text/html")
    def show_page(_: Request) -> Response:
        """This description, as a page."""
        return HTMLResponse(page(), headers={**docs.SECURITY_HEADERS, "etag": etag_of(page())})

    @answers(None, 200, media_type="text/css")
    def show_style(_: Request) -> Response:
        """The page's style sheet."""
        return Response(docs.style(), media_type="text/css", headers={"etag": etag_of(docs.style())})

    described = [
        resource("/openapi.json", get=show),
        resource("/docs", get=show_page),
        resource("/docs.css", get=show_style),
    ]
    return described
