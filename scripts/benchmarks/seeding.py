"""Data in bulk, written straight into the ATS's tables."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from ats_stub.domain.values import Value
from catrelay.models import JournalEntry, Rules
from scripts.benchmarks.bare import Bare

KIND = "candidate"

CATEGORY_COLUMNS = ("tenant", "id", "name", "job_rules", "candidate_rules")
VALUE_COLUMNS = ("tenant", "id", "category", "name", "code", "external_id", "parent", "available", "node")
LINK_COLUMNS = ("tenant", "kind", "object", "link", "category", "value", "trail", "moved_by")
JOURNAL_COLUMNS = ("tenant", "seq", "category", "value", "operation", "at", "entry")

RULES = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False).to_json().decode()


@dataclass(frozen=True)
class Seeded:
    """A category with *count* values, whose ids are in a row."""

    tenant: int
    category: int
    first: int
    count: int

    @property
    def ids(self) -> range:
        """Of the values."""
        return range(self.first, self.first + self.count)

    @property
    def path(self) -> str:
        """Of the values, below /t/{tenant}."""
        return f"/categories/byID/{self.category}/values"


def seed_values(database: Bare, name: str, count: int, *, branching: int = 0) -> Seeded:
    """A category of tenant *name* with *count* available values. branching: children of each; 0: all are roots."""
    tenant: int = database.one("SELECT tenant FROM tenants WHERE name = ?", name)
    category: int = database.one("SELECT next_id FROM counters WHERE tenant = ?", tenant)
    seeded = Seeded(tenant, category, category + 1, count)
    database.load("categories", CATEGORY_COLUMNS, [(tenant, category, f"Category {category}", RULES, RULES)])
    database.load("category_values", VALUE_COLUMNS, value_rows([tenant], category, seeded.ids, branching))
    database.seconds_of("UPDATE counters SET next_id = ? WHERE tenant = ?", seeded.ids.stop, tenant)
    return seeded


def value_rows(tenants: Sequence[int], category: int, ids: range, branching: int = 0) -> Iterator[tuple[object, ...]]:
    """Rows of available values: the same tree in each of the tenants."""
    for tenant in tenants:
        for index, value_id in enumerate(ids):
            value = Value(
                value_id,
                category,
                f"Value {value_id}",
                code=f"V{value_id}",
                external_id=f"hr-{value_id}",
                parent=ids.start + (index - 1) // branching if branching and index else None,
            )
            node = orjson.dumps(value.document()).decode()
            yield tenant, value.id, category, value.name, value.code, value.external_id, value.parent, True, node


def seed_links(database: Bare, seeded: Seeded, references: Iterable[tuple[int, int]]) -> None:
    """Candidates' references: pairs of candidate and value, best in order."""
    first: int = database.one("SELECT next_link FROM counters WHERE tenant = ?", seeded.tenant)
    rows = (
        (seeded.tenant, KIND, candidate, link, seeded.category, value, "", 0)
        for link, (candidate, value) in enumerate(references, first)
    )
    database.load("links", LINK_COLUMNS, rows)
    following = "SELECT max(link) + 1 FROM links WHERE links.tenant = counters.tenant"
    database.seconds_of(f"UPDATE counters SET next_link = ({following}) WHERE tenant = ?", seeded.tenant)


def seed_journal(database: Bare, seeded: Seeded) -> None:
    """One entry per value, numbered from where the journal ends."""
    last: int = database.one("SELECT seq FROM counters WHERE tenant = ?", seeded.tenant)
    database.load("journal", JOURNAL_COLUMNS, _entry_rows(seeded, last + 1, database.moment()))
    database.seconds_of("UPDATE counters SET seq = ? WHERE tenant = ?", last + seeded.count, seeded.tenant)


def _entry_rows(seeded: Seeded, first: int, at: str) -> Iterator[tuple[object, ...]]:
    now = datetime.now(UTC)
    for seq, value in enumerate(seeded.ids, first):
        entry = JournalEntry(
            seq=seq,
            category=seeded.category,
            id=value,
            operation="remap",
            remapped_to=seeded.first,
            moved=412,
            at=now,
            by="bench",
        )
        yield seeded.tenant, seq, seeded.category, value, entry.operation, at, entry.to_json().decode()
