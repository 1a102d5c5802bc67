"""`.../values/byID/{value}/summary` and `.../changeImpact`."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.requests import Requests, category_in
from ats_stub.operations import related as operations
from catrelay.asgi import Guard, answers, model_response, path_id, resource
from catrelay.models import CategoryValueUpload, CategoryValueWrite, RelatedData
from catrelay.problems import LimitExceeded, ValueRuleBroken


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

    @answers(RelatedData)
    def summary(self, request: Request) -> Response:
        """What this app holds on the value, as Markdown and as counts. 404: nothing."""
        with self._requests.read(request) as unit:
            category = category_in(request, unit)
            return model_response(
                operations.summary_of(unit, category, path_id(request, "value"), now=datetime.now(UTC))
            )

    # As for the write itself: a node with children is understood, so that it can be refused by name.
    @answers(RelatedData, reads=CategoryValueWrite, problems=[LimitExceeded, ValueRuleBroken])
    def change_impact(self, request: Request, body: CategoryValueUpload) -> Response:
        """What making the value as the body says would do here. 404: nothing. Changes nothing."""
        with self._requests.read(request) as unit:
            category = category_in(request, unit)
            return model_response(operations.change_impact_of(unit, category, path_id(request, "value"), body))
