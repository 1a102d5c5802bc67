"""Row 9: whether a tenant feels that it is not alone."""

from collections.abc import Sequence
from dataclasses import replace

from scripts.benchmarks.bare import Bare, bare
from scripts.benchmarks.report import Result, Row, at_least, at_most
from scripts.benchmarks.seeding import CATEGORY_COLUMNS, RULES, VALUE_COLUMNS, value_rows
from scripts.benchmarks.stage import Stage

HIGHER_IS_BETTER = "/s"
BOUND = 1.1
TENANTS_PER_COMMIT = 50
"""All at once would be a journal of the database's size beside it."""

ORGS, CATEGORY, FIRST_ID = 1, 2, 3
"""What a tenant's ids are given to: the org tree's category, one with values, and those."""


def seed_others(stage: Stage, tenants: int) -> None:
    """Other tenants, each with a category of values."""
    with bare(stage.database) as database:
        first: int = database.one("SELECT coalesce(max(tenant), 0) + 1 FROM tenants")
        keys = range(first, first + tenants)
        database.load("tenants", ("tenant", "name"), [(key, f"other{key}") for key in keys])
        database.load(
            "counters",
            ("tenant", "next_id", "seq", "position", "epoch", "orgs_category"),
            [(key, FIRST_ID + stage.sizes.tenant_values, 0, 0, f"epoch of {key}", ORGS) for key in keys],
        )
        database.load(
            "categories",
            CATEGORY_COLUMNS,
            [(key, category, "Category", RULES, RULES) for key in keys for category in (ORGS, CATEGORY)],
        )
        values = range(FIRST_ID, FIRST_ID + stage.sizes.tenant_values)
        for some in range(0, tenants, TENANTS_PER_COMMIT):
            database.load(
                "category_values", VALUE_COLUMNS, value_rows(keys[some : some + TENANTS_PER_COMMIT], CATEGORY, values)
            )
        _skip_keys(database, stage.kind, keys.stop)
        database.settle("tenants", "counters", "categories", "category_values")


def _skip_keys(database: Bare, kind: str, following: int) -> None:
    """The next tenant gets the key *following*; SQLite finds out by itself."""
    if kind == "postgresql":
        database.rows("SELECT setval(pg_get_serial_sequence('tenants', 'tenant'), ?, false)", following)


def compared(alone: Sequence[Row], among_others: Sequence[Row], tenants: int) -> list[Row]:
    """What each row took among others against what it took alone."""
    rows: list[Row] = []
    for before, after in zip(alone, among_others, strict=True):
        if isinstance(before, Result) and isinstance(after, Result):
            pairs = [(mine, other) for (mine, _), (other, _) in zip(after.pairs, before.pairs, strict=True)]
            what = f"among {tenants:,} tenants / alone: {before.what.partition(' / ')[0]}"
            goal = at_least(round(1 / BOUND, 2)) if before.unit == HIGHER_IS_BETTER else at_most(BOUND)
            rows.append(replace(before, what=what, pairs=pairs, goal=goal))
    return rows
