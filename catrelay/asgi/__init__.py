"""What every service's ASGI app is made of."""

from catrelay.asgi.auth import Guard, access_of
from catrelay.asgi.body import list_header, parse_query, path_id, read_body, read_model
from catrelay.asgi.operation import answers
from catrelay.asgi.paging import AtMost
from catrelay.asgi.problems import exception_handlers
from catrelay.asgi.resources import etag_of, json_response, model_response, resource
from catrelay.asgi.service import create_service
from catrelay.parsing import parse_body

__all__ = [
    "AtMost",
    "Guard",
    "access_of",
    "answers",
    "create_service",
    "etag_of",
    "exception_handlers",
    "json_response",
    "list_header",
    "model_response",
    "parse_body",
    "parse_query",
    "path_id",
    "read_body",
    "read_model",
    "resource",
]
