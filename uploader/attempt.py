"""One attempt at an upload: read what is there, plan, judge, apply, report. Every attempt begins from the beginning."""

import asyncio
from collections.abc import Mapping

from catrelay.asgi import parse_body
from catrelay.models import CategoryValuesUpload, Guard, PlanSummary, UploadPlan
from catrelay.problems import Problem
from uploader.applying import Applying, outcomes_by
from uploader.ats import PASSING, AtsCategory
from uploader.domain.guard import GuardLimits, judge, tripped
from uploader.domain.plan import Action, Plan, make_plan
from uploader.domain.suggestions import suggest
from uploader.domain.wanted import WantedNode, wanted_nodes
from uploader.lease import Lease
from uploader.settings import UploaderSettings
from uploader.store import ItemOutcome, NewItem, Store

ATTEMPTS_WITH_IMPACT = 3
"""After so many attempts in a row a plan is made without what it touches: that shall not hold an upload up."""

Touched = Mapping[str, Mapping[str, int]]


class Attempt:
    """lease: of the upload."""

    def __init__(self, lease: Lease, store: Store, settings: UploaderSettings) -> None:
        self.claim = lease.claim
        self._lease = lease
        self._store = store
        self._settings = settings
        self._applying: Applying | None = None

    @property
    def progressed(self) -> bool:
        """Whether this attempt changed anything at the ATS."""
        return self._applying is not None and self._applying.progressed

    async def run(self, ats: AtsCategory) -> None:
        """Bring the upload to its end. Raises the Problem that prevents it."""
        upload, wanted = await asyncio.to_thread(self._body)
        present, seq = await ats.present(wanted, self.claim.earlier)
        plan = await asyncio.to_thread(make_plan, wanted, present, self.claim.earlier)
        if self.claim.earlier is None:
            positions = await self._begin(plan, seq, ats, test=upload.test_flag)
        else:
            positions = await asyncio.to_thread(self._continue, plan)
        if positions is None:
            return
        self._applying = Applying(plan, ats, positions, self._record, chunk=self._settings.batch_values)
        await self._applying.run()
        await asyncio.to_thread(self._finish)

    def _body(self) -> tuple[CategoryValuesUpload, tuple[WantedNode, ...]]:
        upload = parse_body(self.claim.body, CategoryValuesUpload)
        return upload, wanted_nodes(upload, max_depth=self._settings.max_tree_depth)

    async def _begin(self, plan: Plan, seq: int | None, ats: AtsCategory, *, test: bool) -> Mapping[str, int] | None:
        """Keep the first plan; None when the upload ends with it."""
        limits = GuardLimits(self._settings.guard_share, self._settings.guard_floor, self._settings.guard_count)
        guard = judge(plan, limits, confirmed=self.claim.confirmed)
        touched = await self._touched(plan, ats)
        return await asyncio.to_thread(self._save, plan, seq, guard, touched, test=test)

    async def _touched(self, plan: Plan, ats: AtsCategory) -> Touched:
        try:
            return await ats.touched(plan)
        except PASSING:
            if self.claim.attempts < ATTEMPTS_WITH_IMPACT:
                raise
            return {}

    def _save(
        self, plan: Plan, seq: int | None, guard: Guard, touched: Touched, *, test: bool
    ) -> Mapping[str, int] | None:
        head = UploadPlan(
            upload_id=self.claim.ref.upload,
            journal_seq=seq,
            summary=PlanSummary(unchanged=plan.unchanged),
            touched=_sum(touched),
            guard=guard,
            suggestions=suggest(plan),
            items=(),
        )
        new_items = [_new_item(action, touched.get(action.key)) for action in plan.actions]
        with self._store.write() as unit:
            unit.hold(self.claim, self._lease.next_end())
            unit.save_plan(self.claim, head.to_json().decode(), list(plan.present.available), new_items)
            if test:
                unit.finish(self.claim)
            elif guard.tripped:
                unit.finish(self.claim, tripped(guard))
            else:
                return {item.outcome.key: position for position, item in enumerate(new_items, start=1)}
        return None

    def _continue(self, plan: Plan) -> Mapping[str, int]:
        with self._store.write() as unit:
            positions = unit.positions(self.claim.ref)
            unit.record(self.claim, outcomes_by(plan, positions), self._lease.next_end())
        return positions

    async def _record(self, outcomes: Mapping[int, ItemOutcome]) -> None:
        await asyncio.to_thread(self._record_now, outcomes)

    def _record_now(self, outcomes: Mapping[int, ItemOutcome]) -> None:
        with self._store.write() as unit:
            unit.record(self.claim, outcomes, self._lease.next_end())

    def _finish(self) -> None:
        with self._store.write() as unit:
            unit.finish(self.claim)


def _new_item(action: Action, touched: Mapping[str, int] | None) -> NewItem:
    item = action.item().model_copy(update={"problem": None, "touched": dict(touched) if touched else None})
    known = action.target.id if action.target is not None else None
    problem: Problem | None = action.problem
    outcome = ItemOutcome(action.key, "pending" if problem is None else "failed", known, problem)
    return NewItem(outcome, action.operation, action.label, item.to_json().decode())


def _sum(touched: Touched) -> dict[str, int]:
    sums: dict[str, int] = {}
    for counts in touched.values():
        for kind, count in counts.items():
            sums[kind] = sums.get(kind, 0) + count
    return sums
