"""Carrying a plan out, and keeping what became of each item. Safe to be cut off anywhere: see domain/mapping.py."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import structlog

from catrelay.models import CategoryValue
from catrelay.problems import Problem
from uploader.ats import AtsCategory, is_general
from uploader.domain.plan import Plan, parent_failed
from uploader.domain.steps import Step, waves
from uploader.store import ItemOutcome, State

log = structlog.get_logger()

Record = Callable[[Mapping[int, ItemOutcome]], Awaitable[None]]


class Applying:
    """One attempt at carrying *plan* out.

    positions: of the items of the upload's first plan, by key. record: keeps what became of items, by position.
    """

    def __init__(
        self, plan: Plan, ats: AtsCategory, positions: Mapping[str, int], record: Record, *, chunk: int
    ) -> None:
        self.progressed = False
        self._plan = plan
        self._ats = ats
        self._positions = positions
        self._record = record
        self._chunk = chunk
        self._ids = {index: target.id for index, target in plan.match.objects.items()}
        self._failed: set[int] = set()

    async def run(self) -> None:
        """Send all steps. Raises the problem that says that the ATS cannot be worked with now."""
        for wave in waves(self._plan):
            for chunk in _chunks(wave, self._chunk):
                await self._send(chunk)

    async def _send(self, steps: Sequence[Step]) -> None:
        outcomes: dict[int, ItemOutcome] = {}
        ready = [step for step in steps if not self._falls_with_parent(step, outcomes)]
        answers = await self._ats.write([step.write(self._ids) for step in ready])
        general = next((a for a in answers if isinstance(a, Problem) and is_general(a)), None)
        for step, answer in zip(ready, answers, strict=True):
            if answer is not None and not (isinstance(answer, Problem) and is_general(answer)):
                self._note(step, answer, outcomes)
        await self._record(outcomes)
        if general is not None:
            raise general

    def _falls_with_parent(self, step: Step, outcomes: dict[int, ItemOutcome]) -> bool:
        if step.index is None:
            return False
        above = self._plan.wanted[step.index].parent
        while above is not None:
            if above in self._failed:
                self._note(step, parent_failed(self._plan.wanted[above]), outcomes)
                return True
            above = self._plan.wanted[above].parent
        return step.index in self._failed

    def _note(self, step: Step, answer: CategoryValue | Problem, outcomes: dict[int, ItemOutcome]) -> None:
        if isinstance(answer, CategoryValue):
            self.progressed = True
            outcome = ItemOutcome(step.key, "done", answer.id)
            if step.index is not None:
                self._ids[step.index] = answer.id
        else:
            known = step.members.get("id")
            outcome = ItemOutcome(step.key, "failed", known if isinstance(known, int) else None, answer)
            if step.index is not None:
                self._failed.add(step.index)
        if step.key in self._positions:
            outcomes[self._positions[step.key]] = outcome
        elif outcome.problem is not None:
            # What somebody else changed since the first plan is put right too, but was never promised.
            log.warning("a change that the first plan did not have failed", key=step.key, problem=str(outcome.problem))


def outcomes_by(plan: Plan, positions: Mapping[str, int]) -> dict[int, ItemOutcome]:
    """How the items of an upload's first plan stand once it is planned again: what has nothing left to do is done."""
    actions = {action.key: action for action in plan.actions}
    ids = {plan.wanted[index].pointer: target.id for index, target in plan.match.objects.items()}
    outcomes: dict[int, ItemOutcome] = {}
    for key, position in positions.items():
        action = actions.get(key)
        value = int(key.removeprefix("id:")) if key.startswith("id:") else ids.get(key)
        if action is None:
            outcomes[position] = ItemOutcome(key, "done", value)
        else:
            state: State = "pending" if action.problem is None else "failed"
            outcomes[position] = ItemOutcome(key, state, value, action.problem)
    return outcomes


def _chunks(wave: Sequence[Step], size: int) -> Iterator[Sequence[Step]]:
    for start in range(0, len(wave), size):
        yield wave[start : start + size]
