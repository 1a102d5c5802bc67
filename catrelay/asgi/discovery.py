"""`GET /t/{tenant}`: what a service is and can do."""

from collections.abc import Callable, Sequence
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from catrelay.asgi.auth import Guard, access_of
from catrelay.asgi.operation import answers
from catrelay.asgi.resources import model_response, resource
from catrelay.models import Discovery
from catrelay.tokens import Access


def discovery(
    guard: Guard,
    service: str,
    capabilities: Sequence[str],
    *,
    orgs_category: Callable[[Access], int] | None = None,
) -> Route:
    """The discovery resource of *service*. orgs_category: how the ATS finds the category behind /orgs."""

    @answers(Discovery)
    def describe(request: Request) -> Response:
        """What the service is and can do."""
        access = access_of(request)
        return model_response(
            Discovery(
                service=service,
                version=version("catrelay"),
                orgs_category=orgs_category(access) if orgs_category else None,
                capabilities=tuple(capabilities),
            )
        )

    return resource("/t/{tenant}", get=guard.read(describe))
