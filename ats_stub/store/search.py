"""Full text search. Source: docs/contract/, "Keywords".

SQLite (FTS5) and PostgreSQL (tsvector) keep the same words, made in `ats_stub.domain.words`: ASCII letters and digits,
so that neither database takes them apart again, and none of them means anything in a query. Each stands behind its
tenant and the kind of its object, as `42jauckland`: a search reads nothing of another tenant.
"""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    Connection,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy import table as table_named
from sqlalchemy.dialects import postgresql

from ats_stub.domain.references import Kind
from ats_stub.domain.words import words

_LETTERS: dict[Kind, str] = {"candidate": "c", "job": "j", "user": "u"}
_OBJECT_LETTER = "x"
"""Before the letter of the kind: the word is the object's id. Of a tenant's objects each has one such word."""

# Made by a migration, as each database makes it: a virtual table here, a table with a GIN index there.
_fts5 = table_named("search", column("rowid", Integer), column("words", Text), column("object", BigInteger))
_tsvectors = table_named(
    "search",
    column("tenant", Integer),
    column("kind", Text),
    column("object", BigInteger),
    column("words", postgresql.TSVECTOR),
)


class SearchIndex(Protocol):
    """The words of a tenant's objects."""

    def put(self, kind: Kind, owner: int, texts: Iterable[str | None]) -> None:
        """Let the object be found by the words of *texts*, and by no others."""

    def remove(self, kind: Kind, owner: int) -> None:
        """Let the object be found no more."""

    def matching(self, kind: Kind, keywords: str) -> Select[int] | None:
        """The ids, for `id.in_(...)`, of the objects that have a word beginning with each of the keywords.

        None when *keywords* has no letter and no digit, and so asks for nothing.
        """


def search_index(connection: Connection, tenant: int) -> SearchIndex:
    """The index in *connection*'s database."""
    return (_Fts5 if connection.dialect.name == "sqlite" else _TsVectors)(connection, tenant)


def object_word(tenant: int, kind: Kind, owner: int) -> str:
    """The word that one object has and no other."""
    return f"{tenant}{_OBJECT_LETTER}{_LETTERS[kind]}{owner}"


def indexed_words(tenant: int, kind: Kind, texts: Iterable[str | None]) -> list[str]:
    """The words of *texts* as they are stored."""
    return [f"{tenant}{_LETTERS[kind]}{word}" for word in words(texts)]


class _Fts5:
    def __init__(self, connection: Connection, tenant: int) -> None:
        self._connection = connection
        self._tenant = tenant

    def put(self, kind: Kind, owner: int, texts: Iterable[str | None]) -> None:
        self.remove(kind, owner)
        found = indexed_words(self._tenant, kind, texts)
        if found:
            line = " ".join([object_word(self._tenant, kind, owner), *found])
            self._connection.execute(insert(_fts5).values(words=line, object=owner))

    def remove(self, kind: Kind, owner: int) -> None:
        known = _matching_fts5(f'"{object_word(self._tenant, kind, owner)}"', _fts5.c.rowid)
        self._connection.execute(delete(_fts5).where(_fts5.c.rowid.in_(known)))

    def matching(self, kind: Kind, keywords: str) -> Select[int] | None:
        wanted = [f'"{word}" *' for word in indexed_words(self._tenant, kind, [keywords])]
        return _matching_fts5(" AND ".join(wanted), _fts5.c.object) if wanted else None


def _matching_fts5(query: str, wanted: ColumnClause[int]) -> Select[int]:
    return select(wanted).select_from(_fts5).where(column("search").op("MATCH")(bindparam(None, query)))


class _TsVectors:
    def __init__(self, connection: Connection, tenant: int) -> None:
        self._connection = connection
        self._tenant = tenant

    def put(self, kind: Kind, owner: int, texts: Iterable[str | None]) -> None:
        found = indexed_words(self._tenant, kind, texts)
        if not found:
            self.remove(kind, owner)
            return
        vector = func.array_to_tsvector(cast(found, postgresql.ARRAY(Text)))
        row = postgresql.insert(_tsvectors).values(tenant=self._tenant, kind=kind, object=owner, words=vector)
        self._connection.execute(row.on_conflict_do_update(constraint="search_pkey", set_={"words": vector}))

    def remove(self, kind: Kind, owner: int) -> None:
        table = _tsvectors
        self._connection.execute(
            delete(table).where(table.c.tenant == self._tenant, table.c.kind == kind, table.c.object == owner)
        )

    def matching(self, kind: Kind, keywords: str) -> Select[int] | None:
        wanted = [f"'{word}':*" for word in indexed_words(self._tenant, kind, [keywords])]
        if not wanted:
            return None
        query = cast(bindparam(None, " & ".join(wanted)), postgresql.TSQUERY)
        # The words alone say whose they are. But where the planner thinks little of the index of words, it is to go
        # through the rows of this tenant, not of all.
        own = (_tsvectors.c.tenant == self._tenant) & (_tsvectors.c.kind == kind)
        return select(_tsvectors.c.object).where(own, _tsvectors.c.words.op("@@")(query))
