"""The values of an import, one category at a time."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from catrelay.exchange.making import make
from catrelay.exchange.matching import match_values
from catrelay.exchange.nodes import Node, end_of
from catrelay.exchange.objects import Untranslatable
from catrelay.exchange.records import Intent, Records
from catrelay.exchange.report import Outcome, Report
from catrelay.exchange.target import Target
from catrelay.exchange.trees import Entering, Leaving, Plan, leave, plan
from catrelay.models import CategoryValueWrite
from catrelay.problems import Problem

BATCH_VALUES = 500
BATCH_BYTES = 1_000_000
"""About how large a batch becomes; the ATS takes more."""


@dataclass
class ValueIds:
    """Where references to the source's values end in the target, by the source's id.

    lost: values that references should end at, and that could not be imported.
    """

    ends: dict[int, int] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)

    def find(self, value: int) -> int | None:
        """The target's value; None for one that is gone. Raises Untranslatable."""
        if value in self.lost:
            raise Untranslatable(f"it refers to the value {value}, which could not be imported")
        return self.ends.get(value)


class Values:
    """The values of one category on their way into the target."""

    def __init__(
        self, category: int, source: dict[int, Node], target: Target, records: Records, report: Report
    ) -> None:
        """category: the target's."""
        self._category = category
        self._source = source
        self._target = target
        self._records = records
        self._report = report
        self._ids: dict[int, int] = {}
        self._available: set[int] = set()
        self._outcomes: dict[int, Outcome] = {}

    async def bring(self, known: dict[int, int], last_seq: dict[int, int], found: ValueIds) -> None:
        """Make the target's values what the source's are. known: ids of earlier runs; found: takes what is known then.

        last_seq: of each value's newest journal entry.
        """
        present = await self._target.values(self._category)
        self._available = {node.id for node in present.values() if node.available}
        self._ids = match_values(self._source, present, known)
        self._records.note_targets("value", self._ids.items())
        todo = plan(self._source, present, self._ids, last_seq)
        del present
        for wave in todo.waves:
            await self._enter(wave)
        await self._leave(todo)
        self._tell()
        self._note_ends(found)

    async def _enter(self, wave: Sequence[Entering]) -> None:
        ready: list[Entering] = []
        for each in wave:
            if each.parent is not None and each.parent not in self._ids:
                self._fail(each.source, "its parent could not be imported")
            else:
                ready.append(each)
        for batch in _batches((each.source, each.write(self._ids)) for each in ready):
            await self._write(batch)
        for each in ready:
            is_available = each.members.get("available", each.target is None)
            if is_available and self._outcomes.get(each.source) != "failed":
                self._available.add(self._ids[each.source])

    async def _leave(self, todo: Plan) -> None:
        leaving: list[Leaving] = []
        for each in todo.going:
            if self._outcomes.get(each) == "failed":
                continue
            way = leave(each, self._source, self._ids, self._available)
            if way is None:
                self._fail(each, "what takes over from it could not be imported")
                continue
            self._available.discard(way.target)
            leaving.append(way)
        for batch in _batches((each.source, each.write()) for each in leaving):
            await self._write(batch)

    async def _write(self, batch: Sequence[tuple[int, CategoryValueWrite]]) -> None:
        """Write values, given with their source's ids, in order and in one commit."""
        body = orjson.dumps({"atomic": False, "values": [write.to_patch() for _, write in batch]})
        path = f"/categories/byID/{self._category}/values/batch"
        intent = Intent(uuid.uuid4().hex, "value", tuple(source for source, _ in batch), path, body)
        (made,) = await make([intent], self._target, self._records)
        for (source, _), result in zip(batch, made, strict=True):
            if isinstance(result, Problem):
                self._fail(source, result.detail)
            else:
                outcome: Outcome = "changed" if source in self._ids else "made"
                self._outcomes.setdefault(source, outcome)
                self._ids[source] = result

    def _fail(self, source: int, why: str) -> None:
        self._report.fail("value", source, why)
        self._outcomes[source] = "failed"

    def _tell(self) -> None:
        for node in self._source.values():
            self._report.count("value", self._outcomes.get(node.id, "unchanged"), node.id, node.name)

    def _note_ends(self, found: ValueIds) -> None:
        for node in self._source.values():
            end = end_of(node, self._source)
            if end is None:
                continue
            target = self._ids.get(end.id)
            if target is None or target not in self._available:
                found.lost.add(node.id)
            else:
                found.ends[node.id] = target


def _batches(
    writes: Iterable[tuple[int, CategoryValueWrite]],
) -> Iterator[list[tuple[int, CategoryValueWrite]]]:
    batch: list[tuple[int, CategoryValueWrite]] = []
    size = 0
    for source, write in writes:
        length = len(orjson.dumps(write.to_patch()))
        if batch and (len(batch) == BATCH_VALUES or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((source, write))
        size += length
    if batch:
        yield batch
