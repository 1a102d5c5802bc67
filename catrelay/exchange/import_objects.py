"""The users, jobs and candidates of an import, a hundred at a time."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import orjson

from catrelay.exchange.import_values import ValueIds
from catrelay.exchange.lines import Document, Header, Line, read_at
from catrelay.exchange.making import at_once, make
from catrelay.exchange.objects import PATHS, ObjectKind, Untranslatable, patch, wanted
from catrelay.exchange.records import Intent, Records
from catrelay.exchange.report import Outcome, Report
from catrelay.exchange.target import Target
from catrelay.problems import Problem

WINDOW = 100
"""Objects in work at a time."""


class Ids:
    """The target's ids of what an object refers to."""

    def __init__(self, categories: dict[int, int], lost: Collection[int], values: ValueIds, records: Records) -> None:
        """lost: categories of the file that could not be imported."""
        self._categories = categories
        self._lost = lost
        self._values = values
        self._records = records

    def category(self, category: int) -> int | None:
        """None for one that the file does not have: it was deleted while the export ran."""
        if category in self._lost:
            raise Untranslatable(f"it refers to the category {category}, which could not be imported")
        return self._categories.get(category)

    def value(self, value: int) -> int | None:
        """Where the value's references end; None where it is gone."""
        return self._values.find(value)

    def user(self, user: int) -> int:
        """A user, who is imported before whoever refers to them."""
        found = self._records.target("user", user)
        if found is None:
            raise Untranslatable(f"it refers to the user {user}, who could not be imported")
        return found


@dataclass(frozen=True)
class _Change:
    source: int
    name: str
    target: int
    patch: Document


@dataclass
class _Window:
    """What becomes of some objects."""

    making: list[tuple[Intent, str]]
    changing: list[_Change]


class Objects:
    """The objects of one kind on their way into the target."""

    def __init__(
        self, kind: ObjectKind, header: Header, tenant: str, target: Target, records: Records, report: Report
    ) -> None:
        """header: of the file. tenant: the target's name."""
        self._kind = kind
        self._origin = f"{header.epoch}\n{header.tenant}\n{tenant}\n{kind}"
        self._target = target
        self._records = records
        self._report = report
        self._only_retire: set[int] = set()

    async def bring(self, file: BinaryIO, ids: Ids, mapped: Collection[int]) -> None:
        """Make the objects of *file* in the target, or change those that it has. mapped: categories of the target."""
        if self._records.count_wanted(self._kind) == 0:
            return
        await self._note_present()
        self._records.match_objects(self._kind)
        places = self._records.places(self._kind)
        while window := list(islice(places, WINDOW)):
            await self._bring([read_at(file, place) for place in window], ids, mapped)

    async def retire(self, file: BinaryIO) -> None:
        """Make users inactive who shall be: after the jobs, which may keep such users and not be given them."""
        places = self._records.places(self._kind)
        while window := list(islice(places, WINDOW)):
            lines = [read_at(file, place) for place in window]
            changes = [change for line in lines if (change := self._retirement(line)) is not None]
            for change, problem in zip(changes, await self._change(changes), strict=True):
                if problem is not None or change.source in self._only_retire:
                    self._count("changed", change.source, change.name, problem)

    def _retirement(self, line: Line) -> _Change | None:
        target = self._records.target(self._kind, int(line.data["id"]))
        if target is None or not _is_retired(line.data):
            return None
        present = self._records.present(self._kind, target)
        if present is not None and _is_retired(present):
            return None
        return _Change(int(line.data["id"]), _name_of(line.data), target, {"activeFlag": False})

    async def _note_present(self) -> None:
        page: list[Document] = []
        async for document in self._target.objects(self._kind):
            page.append(document)
            if len(page) == WINDOW:
                self._records.note_present(self._kind, page)
                page = []
        self._records.note_present(self._kind, page)

    async def _bring(self, lines: Sequence[Line], ids: Ids, mapped: Collection[int]) -> None:
        window = _Window([], [])
        for line in lines:
            self._sort(line, ids, mapped, window)
        made = await make([intent for intent, _ in window.making], self._target, self._records)
        for (intent, name), (result,) in zip(window.making, made, strict=True):
            self._count("made", intent.sources[0], name, result if isinstance(result, Problem) else None)
        for change, problem in zip(window.changing, await self._change(window.changing), strict=True):
            self._count("changed", change.source, change.name, problem)

    async def _change(self, changes: Sequence[_Change]) -> list[Problem | None]:
        return await at_once(changes, lambda each: self._target.change_object(self._kind, each.target, each.patch))

    def _sort(self, line: Line, ids: Ids, mapped: Collection[int], window: _Window) -> None:
        source, name = int(line.data["id"]), _name_of(line.data)
        try:
            as_wanted = wanted(line, ids)
        except Untranslatable as error:
            self._report.fail(self._kind, source, str(error))
            self._report.count(self._kind, "failed", source, name)
            return
        target = self._records.target(self._kind, source)
        present = None if target is None else self._records.present(self._kind, target)
        if target is None or present is None:
            window.making.append((self._intent(source, as_wanted.body), name))
            return
        changes = patch(as_wanted, present, mapped)
        if changes:
            window.changing.append(_Change(source, name, target, changes))
        elif self._retirement(line) is not None:
            self._only_retire.add(source)
        else:
            self._report.count(self._kind, "unchanged", source, name)

    def _intent(self, source: int, body: Document) -> Intent:
        # Not drawn by chance: with its map file lost, an import still makes nothing twice while the ATS remembers.
        key = hashlib.sha256(f"{self._origin}\n{source}".encode()).hexdigest()
        return Intent(key, self._kind, (source,), PATHS[self._kind], orjson.dumps(body))

    def _count(self, outcome: Outcome, source: int, name: str, problem: Problem | None) -> None:
        if problem is not None:
            self._report.fail(self._kind, source, problem.detail)
        self._report.count(self._kind, "failed" if problem is not None else outcome, source, name)


def _name_of(document: Document) -> str:
    person = document.get("person", {})
    names = [person.get("givenName"), person.get("familyName")]
    return str(document.get("title") or " ".join(name for name in names if name))


def _is_retired(user: Document) -> bool:
    return user.get("activeFlag") is False
