"""The categories of an import: made before their values, given their rules after all objects are there."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from catrelay.exchange.making import make
from catrelay.exchange.matching import match_categories
from catrelay.exchange.records import Intent, Records
from catrelay.exchange.report import Report
from catrelay.exchange.target import Target
from catrelay.models import Category, CategoryWrite
from catrelay.problems import Problem

RULES = ("jobRules", "candidateRules")


class Categories:
    """The source's categories on their way into the target."""

    def __init__(self, source: Sequence[Category], orgs: int, target: Target, records: Records, report: Report) -> None:
        self._source = source
        self._orgs = orgs
        self._target = target
        self._records = records
        self._report = report
        self._made: set[int] = set()

    async def make(self, target_orgs: int) -> dict[int, int]:
        """Make the categories that the target does not have, without their rules. Returns its ids by the source's.

        Rules come last: objects may hold what a rule of a later day forbids, as the source lets them keep it.
        """
        present = {category.id: category for category in await self._target.categories()}
        present.pop(target_orgs, None)
        ids = match_categories(
            [category for category in self._source if category.id != self._orgs],
            present.values(),
            self._records.targets("category"),
        )
        ids[self._orgs] = target_orgs
        self._records.note_targets("category", ids.items())
        for category in self._source:
            if category.id not in ids:
                made = await self._make_one(category)
                if isinstance(made, Problem):
                    self._report.fail("category", category.id, made.detail)
                    self._report.count("category", "failed", category.id, category.name)
                else:
                    ids[category.id] = made
                    self._made.add(category.id)
        return ids

    async def finish(self, ids: Mapping[int, int]) -> None:
        """Give the categories their names, codes and, once nothing fails any more, their rules."""
        waits = self._report.failures > 0
        present = {category.id: category for category in await self._target.categories()}
        for category in self._source:
            if category.id not in ids:
                continue
            found = present.get(ids[category.id])
            changes = {} if found is None else _changes(category.to_document(), found.to_document())
            has_to_wait = waits and bool(changes.keys() & set(RULES))
            if has_to_wait:
                changes = {name: change for name, change in changes.items() if name not in RULES}
            problem = None
            if changes:
                write = CategoryWrite.model_validate_json(orjson.dumps(changes))
                problem = await self._target.change_category(ids[category.id], write)
            if problem is not None or has_to_wait:
                why = problem.detail if problem is not None else "it gets its rules once nothing else fails"
                self._report.fail("category", category.id, why)
                self._report.count("category", "failed", category.id, category.name)
            elif category.id in self._made:
                self._report.count("category", "made", category.id, category.name)
            else:
                self._report.count("category", "changed" if changes else "unchanged", category.id, category.name)

    async def _make_one(self, category: Category) -> int | Problem:
        members = {"key": category.key, "name": category.name, "code": category.code}
        body = orjson.dumps({name: member for name, member in members.items() if member is not None})
        intent = Intent(uuid.uuid4().hex, "category", (category.id,), "/categories", body)
        ((made,),) = await make([intent], self._target, self._records)
        return made


def _changes(wanted: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """The members that a merge patch has to set. What only the target has stays."""
    changes: dict[str, Any] = {}
    for name in ("name", "code"):
        if name in wanted and wanted[name] != present.get(name):
            changes[name] = wanted[name]
    for name in RULES:
        rules = {rule: each for rule, each in wanted[name].items() if present[name].get(rule) != each}
        if rules:
            changes[name] = rules
    return changes
