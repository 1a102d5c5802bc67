"""The versions of categories' trees, each read by one statement, which is a snapshot by itself."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, case, select

from ats_stub.store import schema
from catrelay.database import Database
from catrelay.lookup import Lookup
from catrelay.problems import Forbidden

counters, categories = schema.counters, schema.categories

_GIVEN = bindparam("of_category", type_=BigInteger)
_OF_ALL = (
    select(counters.c.epoch, counters.c.seq, categories.c.id, categories.c.version)
    .join(categories, categories.c.tenant == counters.c.tenant)
    .where(counters.c.tenant == bindparam("of_tenant", type_=BigInteger))
)
_OF_ONE = _OF_ALL.where(categories.c.id == case((_GIVEN == 0, counters.c.orgs_category), else_=_GIVEN))


@dataclass(frozen=True)
class TreeVersion:
    """What an answer that is made from a category's values depends on. seq: the journal's last."""

    epoch: str
    seq: int
    category: int
    version: int

    @property
    def name(self) -> str:
        """Another one with each change of the category or of a value of it, and after a restore."""
        return f"{self.epoch[:8]}-{self.category}-{self.version}"

    @property
    def etag(self) -> str:
        """Of the tree."""
        return f'"{self.name}"'


class TreeVersions:
    """The present versions, without a unit of work around them."""

    def __init__(self, database: Database) -> None:
        self._of_one = Lookup(database, _OF_ONE)
        self._of_all = Lookup(database, _OF_ALL.order_by(categories.c.id))

    def of_one(self, tenant: int, category: int | None) -> TreeVersion | None:
        """That of one category; None: there is no such category. category: None for the org tree."""
        rows = self._of_one.rows(of_tenant=tenant, of_category=category or 0)
        return TreeVersion(*rows[0]) if rows else None

    def of_all(self, tenant: int) -> list[TreeVersion]:
        """Those of all categories, the org tree's included, by id. Raises Forbidden when the tenant was removed."""
        rows = self._of_all.rows(of_tenant=tenant)
        if not rows:  # a tenant always has the category of its org tree
            raise Forbidden("The tenant of this token is no longer there")
        return [TreeVersion(*row) for row in rows]
