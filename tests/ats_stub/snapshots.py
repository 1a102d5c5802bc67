"""A tenant as one snapshot of the database shows it, and what holds of any such snapshot."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import orjson
from sqlalchemy import Engine, inspect, select, text

from ats_stub.domain.values import MAX_TREE_DEPTH, Value
from ats_stub.store import Unit, schema
from catrelay.digest import digest
from catrelay.models import CategoryValues, JournalEntry
from catrelay.trees import flattened, nested
from tests.ats_stub.pins import Holder, References

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Snapshot:
    """tables: all rows of the database, by table. trees: the values of each category, the org tree's included."""

    tables: dict[str, Rows]
    trees: dict[int, dict[int, Value]]
    journal: list[JournalEntry]
    pending: set[int]
    references: dict[Holder, References]
    orgs: int
    next_id: int

    @cached_property
    def values(self) -> dict[int, Value]:
        """All values of all categories."""
        return {value.id: value for tree in self.trees.values() for value in tree.values()}

    def available(self, category: int) -> list[Value]:
        """The category's available values, by id."""
        return [value for _, value in sorted(self.trees.get(category, {}).items()) if value.available]

    def level(self, value: Value) -> int:
        """1 at the top. An endless way up ends below the last level that there can be."""
        level, parent = 1, value.parent
        while parent is not None and level <= MAX_TREE_DEPTH:
            level, parent = level + 1, self.values[parent].parent
        return level


def look(unit: Unit) -> Snapshot:
    """What there is, after checking that what is answered of it says the same."""
    orgs = unit.counters.orgs_category
    categories = [orgs, *(category.id for category in unit.categories.listed(orgs_category=orgs))]
    trees = {category: _tree(unit, category) for category in categories}
    for category, tree in trees.items():
        _check_answers(unit, category, [value for value in tree.values() if value.available])
    pending = select(schema.pending_moves.c.seq).where(schema.pending_moves.c.tenant == unit.tenant)
    return Snapshot(
        tables=_tables(unit),
        trees=trees,
        journal=_journal(unit),
        pending=set(unit.connection.scalars(pending)),
        references=dict(_references(unit)),
        orgs=orgs,
        next_id=unit.counters.next_id,
    )


def check_trees(seen: Snapshot) -> None:
    """No loops, no tree too deep, and nothing above or below what is unavailable."""
    of_database = [row[1] for row in seen.tables["category_values"]]
    assert sorted(of_database) == sorted(seen.values), "a value without its category"
    for value in seen.values.values():
        assert seen.level(value) <= MAX_TREE_DEPTH
        if value.parent is not None:
            parent = seen.values[value.parent]
            assert value.available
            assert parent.available
            assert parent.location is None
            assert parent.category == value.category
        if value.remapped_to is not None:
            assert not value.available
            assert seen.values[value.remapped_to].category == value.category


def check_references(seen: Snapshot) -> None:
    """Objects reference available values of categories that are there."""
    for references in seen.references.values():
        for category, values in references.items():
            assert values <= {value.id for value in seen.available(category)}


def _tree(unit: Unit, category: int) -> dict[int, Value]:
    values = [*unit.values.available(category), *unit.values.unavailable(category, after=0, limit=10_000)]
    return {value.id: value for value in values}


def _check_answers(unit: Unit, category: int, available: Collection[Value]) -> None:
    answer = unit.trees.whole(category)
    assert orjson.loads(answer) == nested(value.document() for value in available)
    roots = [value.id for value in available if value.parent is None]
    assert orjson.loads(unit.trees.branches(category, roots)) == orjson.loads(answer)
    for root in orjson.loads(answer):
        assert orjson.loads(unit.trees.branches(category, [root["id"]])) == [root]
    of_tree = [value.to_document() for value in flattened(CategoryValues.model_validate_json(answer).root)]
    seq = unit.counters.seq
    assert digest(unit.trees.documents(category), seq=seq) == digest(of_tree, seq=seq)


def _journal(unit: Unit) -> list[JournalEntry]:
    table = schema.journal
    statement = select(table.c.entry).where(table.c.tenant == unit.tenant).order_by(table.c.seq)
    entries = [JournalEntry.model_validate_json(entry) for entry in unit.connection.scalars(statement)]
    assert [entry.seq for entry in entries] == list(range(1, unit.counters.seq + 1))
    return entries


def _references(unit: Unit) -> list[tuple[Holder, References]]:
    found: list[tuple[Holder, References]] = []
    orgs = unit.counters.orgs_category
    for job_id in _ids(unit, "jobs"):
        job = unit.jobs.get(job_id)
        assert job is not None
        found.append((("job", job_id), _as_sets(job.references(orgs))))
    for user_id in _ids(unit, "users"):
        user = unit.users.get(user_id)
        assert user is not None
        found.append((("user", user_id), _as_sets(user.references(orgs))))
    for candidate_id in _ids(unit, "candidates"):
        candidate = unit.candidates.get(candidate_id)
        assert candidate is not None
        found.append((("candidate", candidate_id), _as_sets(candidate.references())))
    return found


def _ids(unit: Unit, table: str) -> list[int]:
    objects = schema.metadata.tables[table]
    return list(unit.connection.scalars(select(objects.c.id).where(objects.c.tenant == unit.tenant)))


def _as_sets(references: Any) -> References:
    return {category: set(values) for category, values in references.items() if values}


def _tables(unit: Unit) -> dict[str, Rows]:
    """Whatever there is, search index and tenants included: a table that nobody thought of here is compared, too."""
    return {
        name: sorted(map(tuple, unit.connection.execute(text(f'SELECT * FROM "{name}"'))), key=repr)
        for name in _table_names(unit.connection.engine)
    }


@cache
def _table_names(engine: Engine) -> list[str]:
    return inspect(engine).get_table_names()
