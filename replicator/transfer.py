"""Moving an app's objects by set-based statements, and remembering which entry moved which. Source: schema.py.

Objects that no remap moved yet have no receipt: they are *fresh*. All that are moved in the same way share a *kind*, so
what moves again, or comes back, costs one row of a kind and no receipt.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from catrelay.journal import Place
from replicator.bindings import Inactivation, TableBinding
from replicator.domain.transfers import Standing, Transfer
from replicator.sql import Connection, lists
from replicator.tables import MOVERS, MOVING, Table

_PAGE_OBJECTS = 1_000


class _Step(NamedTuple):
    """Where the pins of a kind go. is_fresh: of objects without receipts, which get one.

    returns: not all pins at the value go there, but those that a remap brought which is taken back.
    """

    kind: int
    before: Standing
    after: Place
    is_fresh: bool
    returns: bool = False

    @property
    def leaves(self) -> bool:
        return self.before.value != self.after.value


def transfer(
    connection: Connection, parameters: dict[str, Any], binding: TableBinding, table: Table, moves: Transfer
) -> int:
    """Carry out *moves* for the objects of *binding*, within the caller's transaction. Returns how many objects moved.

    A receipt whose object is elsewhere by now is of one that the app re-pinned, which need not tell: it is forgotten
    here, before anything moves. parameters: of the binding's table, and :replica.
    """
    told = binding.on_inactivation if callable(binding.on_inactivation) else None
    way = _Transfer(connection, parameters, table)
    held = way.held_steps(moves)
    fresh = way.numbered((Standing(value), moves.places[value]) for value in sorted(moves.places))
    steps = way.begin(held, fresh)
    if not steps:
        return 0
    way.forget_left(steps)
    way.note_joined(steps)
    way.record(steps)
    moved = way.moved(steps)
    table.follow(parameters, by_value=not any(step.returns for step in held))
    if binding.on_inactivation == "delete" and any(step.after.value is None for step in steps):
        table.delete_lost(parameters)
    for step in steps:
        if told is not None and step.after.inactivated is not None:
            for page in way.released(step):
                told(connection.native, Inactivation(binding.kind, moves.category, step.after.inactivated, page))
    way.forget_lost(steps)
    way.end()
    return moved


class _Transfer:
    """The statements of one transfer."""

    def __init__(self, connection: Connection, parameters: dict[str, Any], table: Table) -> None:
        self._connection = connection
        self._parameters = parameters
        self._table = table
        ((highest,),) = self._rows("SELECT max(id) FROM replica_kinds WHERE replica = :replica")
        self._next_kind = (highest or 0) + 1

    def held_steps(self, moves: Transfer) -> list[_Step]:
        """Of objects that have receipts: at a value that is left, or of a remap that is taken back."""
        steps = {}
        for column, numbers in (("value", moves.places), ("newest", moves.returns)):
            for listed in lists(numbers):
                for kind, value, trail in self._rows(
                    "SELECT id, value, trail FROM replica_kinds WHERE replica = :replica AND binding = :binding"
                    f" AND category = :category AND {column} IN ({listed})"
                ):
                    before = Standing(value, tuple(map(int, trail.split())))
                    after = moves.place_of(before)
                    if after is not None:
                        returns = bool(before.remaps) and before.remaps[-1] in moves.returns
                        steps[kind] = _Step(kind, before, after, is_fresh=False, returns=returns)
        return list(steps.values())

    def numbered(self, moves: Iterable[tuple[Standing, Place]], *, is_fresh: bool = True) -> list[_Step]:
        """Steps of kinds that are new."""
        steps = [
            _Step(kind, before, after, is_fresh) for kind, (before, after) in enumerate(moves, start=self._next_kind)
        ]
        self._next_kind += len(steps)
        return steps

    def begin(self, held: Sequence[_Step], fresh: Sequence[_Step]) -> list[_Step]:
        """Find the objects that take the steps. Returns the steps that any takes."""
        steps = [*held, *fresh]
        self._fill(steps)
        if held:
            self._forget_repinned()
        if fresh:
            self._note_fresh(is_any_held=bool(held), first=fresh[0].kind)
        self._counts = self._counted(held, fresh)
        gone = [step.kind for step in held if not self._counts[step.kind]]
        self._remove_kinds(gone)
        taken = [step for step in steps if self._counts[step.kind]]
        if not taken:
            self.end()
        return taken

    def _counted(self, held: Sequence[_Step], fresh: Sequence[_Step]) -> Counter[int]:
        """How many objects take each step."""
        counts: Counter[int] = Counter()
        ranges = [f"kind IN ({listed})" for listed in lists(step.kind for step in held)]
        if fresh:
            ranges.append(f"kind >= {fresh[0].kind}")
        for within in ranges:
            counts.update(
                dict(
                    self._rows(
                        "SELECT kind, count(*) FROM replica_receipts"
                        f" WHERE replica = :replica AND {within} GROUP BY kind"
                    )
                )
            )
        return counts

    def _fill(self, steps: Iterable[_Step]) -> None:
        replica = self._parameters["replica"]
        self._connection.run_many(
            "INSERT INTO replica_moves (replica, kind, source, target) VALUES (:replica, :kind, :source, :target)",
            (
                {"replica": replica, "kind": step.kind, "source": step.before.value, "target": step.after.value}
                for step in steps
            ),
        )

    def _forget_repinned(self) -> None:
        moving = "SELECT kind FROM replica_moves WHERE replica = :replica"
        pinned = self._table.is_pinned("replica_receipts.object", "move.source")
        self._run(
            f"DELETE FROM replica_receipts WHERE replica = :replica AND kind IN ({moving}) AND NOT EXISTS"
            " (SELECT 1 FROM replica_moves AS move WHERE move.replica = :replica"
            f" AND move.kind = replica_receipts.kind AND EXISTS ({pinned}))"
        )

    def _note_fresh(self, *, is_any_held: bool, first: int) -> None:
        # DISTINCT: so that no database looks for the receipts anew for each object.
        held = (
            " LEFT JOIN (SELECT DISTINCT receipt.object AS object, move.source AS value"
            f" FROM {MOVERS} WHERE {MOVING}) AS held ON held.object = link.object AND held.value = link.value"
        )
        found = (
            "SELECT fresh.replica, fresh.kind, link.object"
            f" FROM replica_moves AS fresh JOIN ({self._table.links()}) AS link ON link.value = fresh.source"
            f"{held if is_any_held else ''} WHERE fresh.replica = :replica AND fresh.kind >= :first"
            f"{' AND held.object IS NULL' if is_any_held else ''}"
        )
        receipt = ["replica", "kind", "object"]
        self._run(self._connection.dialect.insert_new("replica_receipts", receipt, found), first=first)

    def forget_left(self, steps: Sequence[_Step]) -> None:
        """Forget receipts at values that others arrive at now, of objects that the app took away from there.

        The same object may be among those that arrive: then it would look as if it had never left.
        """
        targets = {step.after.value for step in steps if step.leaves and step.after.value is not None}
        staying = {
            kind
            for listed in lists(targets)
            for (kind,) in self._rows(
                "SELECT id FROM replica_kinds WHERE replica = :replica AND binding = :binding"
                f" AND category = :category AND value IN ({listed})"
            )
        } - {step.kind for step in steps}
        pinned = self._table.is_pinned("other.object", "kind.value")
        for listed in lists(staying):
            # In this order, also where a planner knows no better: few arrive where many may be already.
            self._run(
                "DELETE FROM replica_receipts WHERE replica = :replica AND (kind, object) IN"
                " (SELECT kind, object FROM (SELECT other.kind AS kind, other.object AS object"
                " FROM replica_kinds AS kind CROSS JOIN replica_moves AS move CROSS JOIN replica_receipts AS receipt"
                f" CROSS JOIN replica_receipts AS other WHERE {MOVING} AND kind.replica = :replica"
                f" AND kind.id IN ({listed}) AND move.target = kind.value AND move.source <> move.target"
                " AND other.replica = :replica AND other.kind = kind.id AND other.object = receipt.object"
                f" AND NOT EXISTS ({pinned})) AS away)"
            )

    def note_joined(self, steps: Sequence[_Step]) -> None:
        """Give pins that no remap moved a receipt too where others join them, so that they are told apart.

        Only objects with many values have such pins.
        """
        left = {step.before.value for step in steps if step.is_fresh}
        targets = {step.after.value for step in steps if step.leaves and step.after.value is not None} - left
        if not self._table.has_many or not targets:
            return
        first = self._next_kind
        joined = self.numbered(((Standing(value), Place(value)) for value in sorted(targets)), is_fresh=False)
        self._fill(joined)
        self._run(
            "INSERT INTO replica_receipts (replica, kind, object)"
            " SELECT DISTINCT joined.replica, joined.kind, receipt.object"
            f" FROM {MOVERS}, replica_moves AS joined WHERE {MOVING} AND move.kind < :first"
            " AND joined.replica = :replica AND joined.kind >= :first AND joined.source = move.target"
            f" AND EXISTS ({self._table.is_pinned('receipt.object', 'move.target')})"
            " AND NOT EXISTS (SELECT 1 FROM replica_kinds AS kind, replica_receipts AS other"
            " WHERE kind.replica = :replica AND kind.binding = :binding AND kind.category = :category"
            " AND kind.value = joined.source AND other.replica = :replica AND other.kind = kind.id"
            " AND other.object = receipt.object)",
            first=first,
        )
        noted = {
            kind
            for (kind,) in self._rows(
                f"SELECT DISTINCT move.kind FROM {MOVERS} WHERE {MOVING} AND move.kind >= :first", first=first
            )
        }
        self._add_kinds([step for step in joined if step.kind in noted])

    def record(self, steps: Sequence[_Step]) -> None:
        """Say of each kind where it is now."""
        self._add_kinds([step for step in steps if step.is_fresh and step.after.value is not None])
        self._connection.run_many(
            "UPDATE replica_kinds SET value = :value, newest = :newest, trail = :trail"
            " WHERE replica = :replica AND id = :kind",
            [_row(self._parameters, step) for step in steps if not step.is_fresh],
        )

    def moved(self, steps: Sequence[_Step]) -> int:
        """How many objects leave a value."""
        if not self._table.has_many:
            return sum(self._counts[step.kind] for step in steps if step.leaves)
        ((count,),) = self._rows(
            f"SELECT count(DISTINCT receipt.object) FROM {MOVERS} WHERE {MOVING}"
            " AND (move.target IS NULL OR move.target <> move.source)"
        )
        return int(count)

    def forget_lost(self, steps: Sequence[_Step]) -> None:
        """Forget the pins that are no more, and the receipts that say nothing."""
        needless = [
            step.kind for step in steps if step.after.value is None or not (step.after.remaps or self._table.has_many)
        ]
        for listed in lists(needless):
            self._run(f"DELETE FROM replica_receipts WHERE replica = :replica AND kind IN ({listed})")
        self._remove_kinds(needless)

    def released(self, step: _Step) -> Iterable[list[Any]]:
        """The step's objects by pages. They are the app's business now: their receipts are forgotten."""
        while rows := self._rows(
            "SELECT object FROM replica_receipts WHERE replica = :replica AND kind = :kind"
            " ORDER BY object LIMIT :limit",
            kind=step.kind,
            limit=_PAGE_OBJECTS,
        ):
            page = [key for (key,) in rows]
            self._run(
                "DELETE FROM replica_receipts WHERE replica = :replica AND kind = :kind AND object <= :last",
                kind=step.kind,
                last=page[-1],
            )
            yield page
        self._remove_kinds([step.kind])

    def end(self) -> None:
        """Forget what was to be done."""
        self._run("DELETE FROM replica_moves WHERE replica = :replica")

    def _add_kinds(self, steps: Sequence[_Step]) -> None:
        self._connection.run_many(
            "INSERT INTO replica_kinds (replica, id, binding, category, value, newest, trail)"
            " VALUES (:replica, :kind, :binding, :category, :value, :newest, :trail)",
            [_row(self._parameters, step) for step in steps],
        )

    def _remove_kinds(self, kinds: Sequence[int]) -> None:
        for listed in lists(kinds):
            self._run(f"DELETE FROM replica_kinds WHERE replica = :replica AND id IN ({listed})")

    def _rows(self, statement: str, **more: object) -> list[tuple[Any, ...]]:
        return self._connection.rows(statement, {**self._parameters, **more})

    def _run(self, statement: str, **more: object) -> None:
        self._connection.run(statement, {**self._parameters, **more})


def _row(parameters: dict[str, Any], step: _Step) -> dict[str, Any]:
    return {
        "replica": parameters["replica"],
        "binding": parameters["binding"],
        "category": parameters["category"],
        "kind": step.kind,
        "value": step.after.value,
        "newest": step.after.remaps[-1] if step.after.remaps else 0,
        "trail": " ".join(map(str, step.after.remaps)),
    }
