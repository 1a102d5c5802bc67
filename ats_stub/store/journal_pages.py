"""Pages of the journal, each read by one statement, which is a snapshot by itself."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, case, func, select

from ats_stub.store import schema
from ats_stub.store.texts import joined
from catrelay.database import Database
from catrelay.lookup import Lookup
from catrelay.problems import Forbidden, JournalCompacted, NotFound

journal, counters, categories = schema.journal, schema.counters, schema.categories

_TENANT = bindparam("of_tenant", type_=BigInteger)
_GIVEN = bindparam("of_category", type_=BigInteger)
_ORGS = select(counters.c.orgs_category).where(counters.c.tenant == _TENANT).scalar_subquery()
_CATEGORY = case((_GIVEN == 0, _ORGS), else_=_GIVEN)


def _page(*entries: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """The page of those *entries*, and what a JournalPage says beside it; no row without the tenant."""
    chosen = (
        select(journal.c.entry)
        .where(journal.c.tenant == _TENANT, journal.c.seq > bindparam("after"), *entries)
        .order_by(journal.c.seq)
        .limit(bindparam("limit"))
        .subquery()
    )
    first = select(func.min(journal.c.seq)).where(journal.c.tenant == _TENANT)
    return select(
        counters.c.epoch,
        counters.c.seq,
        func.coalesce(first.scalar_subquery(), counters.c.seq + 1),
        func.coalesce(select(joined(chosen.c.entry, ",")).scalar_subquery(), ""),
    ).where(counters.c.tenant == _TENANT)


_OF_TENANT = _page()
_OF_CATEGORY = _page(journal.c.category == _CATEGORY).where(
    select(categories.c.id).where(categories.c.tenant == _TENANT, categories.c.id == _CATEGORY).exists()
)


class JournalPages:
    """Answers JSON of a JournalPage: the entries above *after*, at most *limit*.

    Raises JournalCompacted when entries above *after* are no longer there.
    """

    def __init__(self, database: Database) -> None:
        self._of_tenant = Lookup(database, _OF_TENANT)
        self._of_category = Lookup(database, _OF_CATEGORY)

    def of_tenant(self, tenant: int, *, after: int, limit: int) -> bytes:
        """Of all categories. Raises Forbidden when the tenant was removed."""
        rows = self._of_tenant.rows(of_tenant=tenant, after=after, limit=limit)
        if not rows:
            raise Forbidden("The tenant of this token is no longer there")
        return _answered(rows[0], after)

    def of_category(self, tenant: int, category: int | None, *, after: int, limit: int) -> bytes:
        """Of one category. category: None for the org tree. Raises NotFound when there is none."""
        rows = self._of_category.rows(of_tenant=tenant, of_category=category or 0, after=after, limit=limit)
        if not rows:
            raise NotFound(f"There is no category {category}")
        return _answered(rows[0], after)


def _answered(row: tuple[Any, ...], after: int) -> bytes:
    epoch, last, first, entries = row
    if after + 1 < first:
        raise JournalCompacted(f"The journal starts at {first}; read the trees instead", firstSeq=first)
    return f'{{"results":[{entries}],"lastSeq":{last},"firstSeq":{first},"epoch":"{epoch}"}}'.encode()
