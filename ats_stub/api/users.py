"""Users: the four lists, single users, and writing them."""

from collections.abc import Callable
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.lists import MAX_PAGE_OBJECTS, IdBound, Keywords, Limit, Patch
from ats_stub.api.requests import Requests
from ats_stub.domain.users import UserList
from ats_stub.operations import users as operations
from ats_stub.store import WriteUnit
from ats_stub.store.pages import Bound
from ats_stub.store.users import UserQuery
from catrelay.asgi import Guard, access_of, answers, model_response, path_id, resource
from catrelay.asgi.headers import IDEMPOTENCY_KEY, IF_MATCH, LOCATION
from catrelay.models import Moment, UserRead, UsersRead, UserWrite
from catrelay.problems import (
    ExternalIdImmutable,
    ExternalIdTaken,
    LoginTaken,
    NotFound,
    NullNotAllowed,
    ReferenceBroken,
)

WRITE_PROBLEMS = (ExternalIdImmutable, ExternalIdTaken, LoginTaken, NullNotAllowed, ReferenceBroken)


class UsersQuery(BaseModel):
    """The filters of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    keywords: Keywords = ""
    gt_id: IdBound | None = Field(default=None, alias="gtID")
    lt_id: IdBound | None = Field(default=None, alias="ltID")
    gt_date_last_updated: Moment | None = Field(default=None, alias="gtDateLastUpdated")
    lt_date_last_updated: Moment | None = Field(default=None, alias="ltDateLastUpdated")
    limit: Limit = MAX_PAGE_OBJECTS


class UsersApi:
    """`/users...`."""

    def __init__(self, requests: Requests, guard: Guard) -> None:
        self._requests = requests
        self._guard = guard

    def routes(self) -> list[Route]:
        guard = self._guard
        return [
            resource("/t/{tenant}/users", get=guard.read(self._lister("users")), post=guard.write(self.create)),
            resource("/t/{tenant}/users/byID/{user}", get=guard.read(self.show), patch=guard.write(self.patch)),
            *self._list_routes("users/active"),
            *self._list_routes("users/active/managers"),
            *self._list_routes("users/active/recruiters"),
        ]

    def _list_routes(self, which: UserList) -> list[Route]:
        @answers(UserRead)
        def show(request: Request) -> Response:
            """One user of this list."""
            user_id = path_id(request, "user")
            with self._requests.read(request) as unit:
                user = unit.users.in_list(which, user_id)
            if user is None:
                raise NotFound(f"User {user_id} is not in /{which}")
            return model_response(user.as_answered())

        return [
            resource(f"/t/{{tenant}}/{which}", get=self._guard.read(self._lister(which))),
            resource(f"/t/{{tenant}}/{which}/byID/{{user}}", get=self._guard.read(show)),
        ]

    def _lister(self, which: UserList) -> Callable[[Request], Response]:
        @answers(UsersRead)
        def list_users(request: Request, query: UsersQuery) -> Response:
            """The users of this list."""
            with self._requests.read(request) as unit:
                users = unit.users.page(_user_query(which, query))
            return model_response(UsersRead(results=tuple(user.as_answered() for user in users)))

        return list_users

    @answers(UserRead)
    def show(self, request: Request) -> Response:
        """One user."""
        user_id = path_id(request, "user")
        with self._requests.read(request) as unit:
            user = operations.user_of(unit, user_id)
        return model_response(user.as_answered())

    @answers(UserRead, reads=UserWrite, takes=[IDEMPOTENCY_KEY], sends=[LOCATION], problems=WRITE_PROBLEMS)
    async def create(self, request: Request, body: Patch) -> Response:
        """Make a user."""
        tenant = access_of(request).tenant

        def act(unit: WriteUnit) -> Response:
            user = operations.create_user(unit, body.root)
            location = f"/t/{quote(tenant, safe='')}/users/byID/{user.id}"
            # 200, not 201: as jobs are answered in the documented API.
            return model_response(user.as_answered(), headers={"location": location})

        return await self._requests.write(request, act)

    @answers(UserRead, reads=UserWrite, takes=[IF_MATCH], problems=WRITE_PROBLEMS)
    async def patch(self, request: Request, body: Patch) -> Response:
        """Change a user by JSON Merge Patch."""
        user_id = path_id(request, "user")

        def act(unit: WriteUnit) -> Response:
            return model_response(operations.patch_user(unit, user_id, body.root).as_answered())

        return await self._requests.write(request, act)


def _user_query(which: UserList, query: UsersQuery) -> UserQuery:
    after, before = query.gt_date_last_updated, query.lt_date_last_updated
    return UserQuery(
        which=which,
        keywords=query.keywords,
        by_date=after is not None or before is not None,
        above=Bound(query.gt_id, after),
        below=Bound(query.lt_id, before),
        descending=query.lt_id is not None or before is not None,
        limit=query.limit,
    )
