"""The uploader's resources. Source: docs/contract/, "Uploads"."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from catrelay.asgi import Guard, access_of, answers, model_response, path_id, read_body, resource
from catrelay.asgi.headers import LOCATION
from catrelay.client import values_path
from catrelay.models import CategoryValuesUpload, UploadPlan, UploadStatus
from catrelay.problems import LimitExceeded, ServiceUnreachable, Unavailable, UploadIncomplete, UploadMappingAmbiguous
from catrelay.tokens import Registry
from catrelay.waking import Waker
from uploader import operations
from uploader.ats import orgs_category
from uploader.settings import UploaderSettings
from uploader.store import Store
from uploader.worker import UPLOADS

COLLECTIONS = ("/t/{tenant}/categories/byID/{category}/values/uploads", "/t/{tenant}/orgs/values/uploads")


class UploadQuery(BaseModel):
    """confirm: the inactivations that the guard would stop are meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confirm: Literal["inactivations"] | None = None


class PlanQuery(BaseModel):
    """after: the position of the last item that is known already."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: int = Field(default=0, ge=0, le=2**31 - 1)


class UploadsApi:
    """Uploads of values, of categories and of the org tree. transport: to the ATS, for tests."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        guard: Guard,
        waker: Waker,
        settings: UploaderSettings,
        clock: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._guard = guard
        self._waker = waker
        self._settings = settings
        self._clock = clock
        self._transport = transport

    def routes(self) -> list[Route]:
        """All routes."""
        guard = self._guard
        routes = []
        for uploads in COLLECTIONS:
            routes += [
                resource(uploads, post=guard.write(self.accept)),
                resource(f"{uploads}/byID/{{upload}}", get=guard.read(self.status)),
                resource(f"{uploads}/byID/{{upload}}/plan", get=guard.read(self.plan)),
            ]
        return routes

    @answers(
        UploadStatus,
        201,
        reads=CategoryValuesUpload,
        sends=[LOCATION],
        problems=[LimitExceeded, UploadMappingAmbiguous, UploadIncomplete, Unavailable, ServiceUnreachable],
    )
    async def accept(self, request: Request, query: UploadQuery) -> Response:
        """Upload a whole tree as it shall be; the work runs on after the answer.

        A node is known by `id` or `externalId`. What is there and not in the upload is inactivated.
        """
        category = _category(request)
        body = await read_body(request)
        access = access_of(request)
        connection = await run_in_threadpool(operations.ats_connection, self._registry, access.tenant)
        await run_in_threadpool(operations.check, body, max_depth=self._settings.max_tree_depth)
        status = await run_in_threadpool(
            operations.accept,
            self._store,
            access,
            category,
            body,
            orgs_category=await orgs_category(connection, access.tenant, transport=self._transport),
            confirmed=query.confirm is not None,
            now=self._clock(),
        )
        self._waker.wake(UPLOADS)
        location = f"/t/{quote(access.tenant, safe='')}{values_path(category)}/uploads/byID/{status.id}"
        return model_response(status, status=201, headers={"location": location})

    @answers(UploadStatus)
    def status(self, request: Request) -> Response:
        """How an upload stands."""
        upload = path_id(request, "upload")
        return model_response(operations.status(self._store, access_of(request), _category(request), upload))

    @answers(UploadPlan)
    def plan(self, request: Request, query: PlanQuery) -> Response:
        """What an upload did or, with `testFlag`, would do."""
        upload = path_id(request, "upload")
        page = operations.plan(self._store, access_of(request), _category(request), upload, after=query.after)
        return model_response(page)


def _category(request: Request) -> int | None:
    return path_id(request, "category") if "category" in request.path_params else None
