"""Testimonials and articles, as JSON."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from catrelay.asgi import Guard, access_of, answers, json_response, path_id, resource
from catrelay.asgi.headers import LOCATION
from catrelay.models import MAX_ID
from catrelay.problems import NotFound, Problem, ReferenceBroken, Unavailable
from replicator.careersite.models import (
    Article,
    ArticleCreate,
    Articles,
    Testimonial,
    TestimonialCreate,
    TestimonialPatch,
    Testimonials,
)
from replicator.careersite.store import Store, Unit
from replicator.careersite.tenants import Tenants

Made = TypeVar("Made", bound=BaseModel)

PINNING = (ReferenceBroken, Unavailable)
"""What pinning an object to a value may be answered with."""


class TestimonialsQuery(BaseModel):
    """value: only those pinned to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: int | None = Field(default=None, ge=1, le=MAX_ID)


class CareersiteApi:
    """The career site's own resources."""

    def __init__(self, store: Store, tenants: Tenants, guard: Guard) -> None:
        self._store = store
        self._tenants = tenants
        self._guard = guard

    def routes(self) -> list[Route]:
        read, write = self._guard.read, self._guard.write
        return [
            resource("/t/{tenant}/testimonials", get=read(self.testimonials), post=write(self.add_testimonial)),
            resource(
                "/t/{tenant}/testimonials/{testimonial}",
                get=read(self.testimonial),
                patch=write(self.change_testimonial),
            ),
            resource("/t/{tenant}/articles", get=read(self.articles), post=write(self.add_article)),
        ]

    @answers(Testimonials)
    def testimonials(self, request: Request, query: TestimonialsQuery) -> Response:
        """All testimonials, or those at a value."""
        with self._store.read(access_of(request).tenant) as unit:
            found = unit.testimonials(None if query.value is None else {query.value})
        return _answer(Testimonials(found))

    @answers(Testimonial)
    def testimonial(self, request: Request) -> Response:
        """One testimonial."""
        with self._store.read(access_of(request).tenant) as unit:
            return _answer(_testimonial_in(request, unit))

    @answers(Testimonial, 201, sends=[LOCATION], problems=PINNING)
    async def add_testimonial(self, request: Request, body: TestimonialCreate) -> Response:
        """Publish a testimonial."""
        made = await self._pinned(
            request, lambda unit: unit.add_testimonial(body), lambda: self._look_up(request, body.category, body.value)
        )
        headers = {"location": f"{request.url.path}/{made.id}"}
        return _answer(made, status=201, headers=headers)

    @answers(Testimonial, problems=PINNING)
    async def change_testimonial(self, request: Request, body: TestimonialPatch) -> Response:
        """Change a testimonial, by a JSON Merge Patch."""
        changes = body.model_dump(exclude_unset=True)

        def intended() -> Testimonial:
            with self._store.read(access_of(request).tenant) as unit:
                return _testimonial_in(request, unit).model_copy(update=changes)

        async def look_up() -> None:
            wanted = await run_in_threadpool(intended)
            if wanted.value is not None:
                await self._look_up(request, wanted.category, wanted.value)

        changed = await self._pinned(
            request, lambda unit: unit.change_testimonial(_testimonial_in(request, unit), changes), look_up
        )
        return _answer(changed)

    @answers(Articles)
    def articles(self, request: Request) -> Response:
        """All articles."""
        with self._store.read(access_of(request).tenant) as unit:
            return _answer(Articles(unit.articles()))

    @answers(Article, 201, problems=PINNING)
    async def add_article(self, request: Request, body: ArticleCreate) -> Response:
        """Publish an article."""

        async def catch_up() -> None:
            replicator = self._tenants.replicator(request.path_params["tenant"])
            if replicator is not None:
                await replicator.catch_up()

        return _answer(await self._pinned(request, lambda unit: unit.add_article(body), catch_up), status=201)

    async def _pinned(
        self, request: Request, write: Callable[[Unit], Made], catch_up: Callable[[], Awaitable[None]]
    ) -> Made:
        """What *write* makes; before a value is refused for good, the ATS is asked once."""

        def attempt() -> Made:
            with self._store.write(access_of(request).tenant) as unit:
                return write(unit)

        try:
            return await run_in_threadpool(attempt)
        except ReferenceBroken:
            try:
                await catch_up()
            except Problem as problem:
                # What the ATS has against this app is none of the client's doing.
                raise Unavailable(f"The ATS could not be asked: {problem.detail}") from problem
        return await run_in_threadpool(attempt)

    async def _look_up(self, request: Request, category: int, value: int) -> None:
        replicator = self._tenants.replicator(request.path_params["tenant"])
        if replicator is not None:
            await replicator.look_up(category, value)


def _testimonial_in(request: Request, unit: Unit) -> Testimonial:
    id_ = path_id(request, "testimonial")
    found = unit.testimonial(id_)
    if found is None:
        raise NotFound(f"There is no testimonial {id_}")
    return found


def _answer(model: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return json_response(model.model_dump_json(by_alias=True).encode(), status=status, headers=headers)
