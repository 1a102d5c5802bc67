"""Users, with the values of the org tree that they reference."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from ats_stub.domain.references import Kind
from ats_stub.domain.users import User, UserList, texts_of
from ats_stub.store import schema
from ats_stub.store.links import Held, LinkStore
from ats_stub.store.pages import UNBOUNDED, Bound, between, order
from ats_stub.store.search import SearchIndex
from catrelay.models import Login, UserWrite

table = schema.users

KIND: Kind = "user"


@dataclass(frozen=True)
class UserQuery:
    """A page of a list. by_date: whether the dates of *above*, *below* and the order are meant, or ids only."""

    which: UserList
    keywords: str = ""
    by_date: bool = False
    above: Bound = UNBOUNDED
    below: Bound = UNBOUNDED
    descending: bool = False
    limit: int = 100


class UserStore:
    """The users of a tenant. Their orgs are links of the org tree's category."""

    def __init__(
        self, connection: Connection, tenant: int, orgs_category: int, links: LinkStore, search: SearchIndex
    ) -> None:
        self._connection = connection
        self._tenant = tenant
        self._orgs_category = orgs_category
        self._links = links
        self._search = search

    def get(self, user: int) -> User | None:
        """One user."""
        found = self._read([table.c.id == user])
        return found[0] if found else None

    def some(self, users: Collection[int]) -> list[User]:
        """Those of *users* that there are, in no order."""
        return self._read([table.c.id.in_(users)]) if users else []

    def in_list(self, which: UserList, user: int) -> User | None:
        """One user, if it is in the list."""
        found = self._read([table.c.id == user, *_is_in(which)])
        return found[0] if found else None

    def with_external_id(self, external_id: str) -> int | None:
        """The id of the user that has it."""
        return self._id_of(table.c.external_id == external_id)

    def with_login(self, login: Login) -> int | None:
        """The id of the user that has it."""
        return self._id_of(table.c.login == _digest(login))

    def page(self, query: UserQuery) -> list[User]:
        """The users that *query* asks for, in its order."""
        dates = self._links.dates(KIND, table.c.id, table.c.date_last_updated) if query.by_date else None
        conditions = [*_is_in(query.which), *between(query.above, query.below, table.c.id, dates)]
        matching = self._search.matching(KIND, query.keywords)
        if matching is not None:
            conditions.append(table.c.id.in_(matching))
        return self._read(conditions, order(table.c.id, dates, descending=query.descending), limit=query.limit)

    def insert(self, user: User) -> None:
        """Add a user with its references."""
        self._connection.execute(insert(table).values(tenant=self._tenant, id=user.id, **_columns(user)))
        self._relate(user)

    def update(self, user: User) -> None:
        """Store a user's new state and references."""
        self._connection.execute(
            update(table).where(table.c.tenant == self._tenant, table.c.id == user.id).values(_columns(user))
        )
        self._relate(user)

    def _relate(self, user: User) -> None:
        self._links.replace(KIND, user.id, user.references(self._orgs_category))
        self._search.put(KIND, user.id, texts_of(user.state))

    def _id_of(self, condition: ColumnElement[bool]) -> int | None:
        return self._connection.scalar(select(table.c.id).where(table.c.tenant == self._tenant, condition))

    def _read(
        self,
        conditions: Iterable[ColumnElement[bool]],
        order_by: Sequence[ColumnElement[Any]] = (),
        *,
        limit: int | None = None,
    ) -> list[User]:
        statement = select(table.c.id, table.c.document, table.c.date_last_updated).where(
            table.c.tenant == self._tenant, *conditions
        )
        rows = self._connection.execute(statement.order_by(*order_by).limit(limit)).all()
        held = self._links.of(KIND, [row.id for row in rows])
        return [self._user(row, held[row.id]) for row in rows]

    def _user(self, row: Row[int, str, datetime], held: Held) -> User:
        orgs = tuple(sorted(held.references.get(self._orgs_category, ())))
        state = UserWrite.model_validate_json(row.document).model_copy(update={"orgs": orgs or None})
        return User(row.id, state, held.latest(row.date_last_updated))


def _is_in(which: UserList) -> Iterator[ColumnElement[bool]]:
    """The conditions on the users' columns that `ats_stub.domain.users.is_in` states of one user."""
    if which != "users":
        yield table.c.active.is_(True)
    if which == "users/active/managers":
        yield table.c.manager.is_(True)
    if which == "users/active/recruiters":
        yield table.c.recruiter.is_(True)


def _digest(login: Login) -> str:
    """Equal for equal logins only, and short enough for an index whatever they are."""
    return hashlib.sha256(orjson.dumps([login.entity_id, login.name_id])).hexdigest()


def _columns(user: User) -> dict[str, object]:
    state = user.state
    # What the links say is not stored a second time in the document.
    stored = state.model_copy(update={"orgs": None})
    return {
        "document": stored.to_json().decode(),
        "external_id": state.external_id,
        "login": state.login and _digest(state.login),
        "active": state.active_flag is True,
        "manager": state.manager is not None,
        "recruiter": state.recruiter is not None,
        "date_last_updated": user.date_last_updated,
    }
