"""`.../values/byID/{value}/summary` and `.../changeImpact`."""

from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.requests import Requests, category_in
from ats_stub.operations import related as operations
from catrelay.asgi import Guard, model_response, path_id, read_model, resource
from catrelay.models import CategoryValueUpload, CategoryValueWrite, RelatedData


class RelatedApi:
    """What this app holds on a value, and what a change of the value would do here."""

    def __init__(self, requests: Requests, guard: Guard) -> None:
        self._requests = requests
        self._guard = guard

    def routes(self) -> list[Route]:
        return [
            *self._value_routes("/t/{tenant}/categories/byID/{category}/values/byID/{value}"),
            *self._value_routes("/t/{tenant}/orgs/values/byID/{value}"),
        ]

    def _value_routes(self, path: str) -> list[Route]:
        # Both only read, POST too.
        summary = self._guard.read(self.summary)
        return [
            resource(f"{path}/summary", get=summary, post=summary),
            resource(f"{path}/changeImpact", post=self._guard.read(self.change_impact)),
        ]

    def summary(self, request: Request) -> Response:
        with self._requests.read(request) as unit:
            category = category_in(request, unit)
            return model_response(
                operations.summary_of(unit, category, path_id(request, "value"), now=datetime.now(UTC))
            )

    async def change_impact(self, request: Request) -> Response:
        # As for the write itself: a node with children is understood, so that it can be refused by name.
        intended = await read_model(request, CategoryValueUpload)
        return model_response(await run_in_threadpool(self._change_impact, request, intended))

    def _change_impact(self, request: Request, intended: CategoryValueWrite) -> RelatedData:
        with self._requests.read(request) as unit:
            category = category_in(request, unit)
            return operations.change_impact_of(unit, category, path_id(request, "value"), intended)
