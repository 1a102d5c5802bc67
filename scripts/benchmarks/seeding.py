"""Data in bulk, written straight into the ATS's tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from ats_stub.domain.values import Value
from catrelay.models import JournalEntry, Rules
from scripts.benchmarks.bare import Bare

KIND = "candidate"

CATEGORY_COLUMNS = ("tenant", "id", "name", "job_rules", "candidate_rules")
VALUE_COLUMNS = (
    "tenant",
    "id",
    "category",
    "name",
    "code",
    "external_id",
    "parent",
    "available",
    "remapped_to",
    "node",
)
LINK_COLUMNS = ("tenant", "kind", "object", "link", "category", "value", "trail", "moved_by")
JOURNAL_COLUMNS = ("tenant", "seq", "category", "value", "operation", "at", "entry")

NO_REMAPS: Mapping[int, int] = {}

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


def value_rows(
    tenants: Sequence[int], category: int, ids: range, branching: int = 0, remaps: Mapping[int, int] = NO_REMAPS
) -> Iterator[tuple[object, ...]]:
    """Rows of values: the same tree in each of the tenants. remaps: targets by those that are not available."""
    for tenant in tenants:
        for index, value_id in enumerate(ids):
            value = Value(
                value_id,
                category,
                f"Value {value_id}",
                code=f"V{value_id}",
                external_id=f"hr-{value_id}",
                parent=ids.start + (index - 1) // branching if branching and index else None,
                available=value_id not in remaps,
                remapped_to=remaps.get(value_id),
            )
            yield (
                tenant,
                value.id,
                category,
                value.name,
                value.code,
                value.external_id,
                value.parent,
                value.available,
                value.remapped_to,
                orjson.dumps(value.document()).decode(),
            )


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
    """One entry per value, which is remapped to the first, numbered from where the journal ends."""
    _add_entries(database, seeded, dict.fromkeys(seeded.ids, seeded.first))


def seed_remaps(database: Bare, seeded: Seeded, remaps: Mapping[int, int]) -> None:
    """What is left of remaps in this order: one entry per value, and values that are not available any more.

    remaps: target by value. The values are roots.
    """
    database.seconds_of("DELETE FROM category_values WHERE tenant = ? AND category = ?", seeded.tenant, seeded.category)
    rows = value_rows([seeded.tenant], seeded.category, seeded.ids, remaps=remaps)
    database.load("category_values", VALUE_COLUMNS, rows)
    changed = "UPDATE categories SET version = version + 1 WHERE tenant = ? AND id = ?"
    database.seconds_of(changed, seeded.tenant, seeded.category)
    _add_entries(database, seeded, remaps)


def _add_entries(database: Bare, seeded: Seeded, remaps: Mapping[int, int]) -> None:
    last: int = database.one("SELECT seq FROM counters WHERE tenant = ?", seeded.tenant)
    database.load("journal", JOURNAL_COLUMNS, _entry_rows(seeded, remaps, last + 1, database.moment()))
    database.seconds_of("UPDATE counters SET seq = ? WHERE tenant = ?", last + len(remaps), seeded.tenant)


def _entry_rows(seeded: Seeded, remaps: Mapping[int, int], first: int, at: str) -> Iterator[tuple[object, ...]]:
    now = datetime.now(UTC)
    for seq, (value, target) in enumerate(remaps.items(), first):
        entry = JournalEntry(
            seq=seq,
            category=seeded.category,
            id=value,
            operation="remap",
            remapped_to=target,
            moved=412,
            at=now,
            by="bench",
        )
        yield seeded.tenant, seq, seeded.category, value, entry.operation, at, entry.to_json().decode()
