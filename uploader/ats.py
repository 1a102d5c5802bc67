"""What an upload asks of the ATS, through the contract: what is there, what a change would touch, and writes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx

from catrelay.client import AtsClient, values_path
from catrelay.models import BatchResult, CategoryValue, CategoryValueWrite, Discovery
from catrelay.problems import (
    BadRequest,
    Forbidden,
    InternalError,
    LimitExceeded,
    MethodNotAllowed,
    PayloadTooLarge,
    Problem,
    ServiceUnreachable,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from catrelay.tokens import Connection
from uploader.domain.mapping import Earlier, lookups
from uploader.domain.plan import OUTWARD, Plan
from uploader.domain.present import Present
from uploader.domain.wanted import WantedNode

Result = TypeVar("Result")

PASSING = (Unavailable, InternalError, TooManyRequests)
"""What says nothing about a request: it may be answered, or may even have been carried out, later."""
REFUSALS = (Unauthorized, Forbidden)
"""What no request of this tenant will get past."""
PAGED_FROM_LOOKUPS = 50
"""From so many look-ups on, reading all unavailable values by pages is cheaper."""


PATIENCE_SECONDS = 2
"""So long may an ATS take to say what it is while somebody waits for an upload to be accepted."""


@dataclass(frozen=True)
class AtsLimits:
    """concurrency: requests at a time. batch: values in one request. touched: values whose impact is asked for."""

    concurrency: int
    batch: int
    touched: int


class AtsCategory:
    """One category of one tenant's ATS; None: the org tree.

    orgs_category: the category behind the org tree, where the ATS says so.
    """

    def __init__(
        self,
        client: AtsClient,
        category: int | None,
        limits: AtsLimits,
        capabilities: frozenset[str],
        orgs_category: int | None,
        before_write: Callable[[], Awaitable[None]],
    ) -> None:
        self.orgs_category = orgs_category
        self._client = client
        self._category = category
        self._limits = limits
        self._capabilities = capabilities
        self._before_write = before_write

    @classmethod
    async def meet(
        cls,
        client: AtsClient,
        category: int | None,
        limits: AtsLimits,
        *,
        before_write: Callable[[], Awaitable[None]],
    ) -> "AtsCategory":
        """Ask the ATS what it can do besides the documented API, which has no place to ask.

        before_write: awaited before each request that changes something; whatever it raises stops the request.
        """
        discovery = await _discover(client)
        orgs_category = discovery.orgs_category if discovery is not None else None
        capabilities = frozenset(discovery.capabilities if discovery is not None else ())
        return cls(client, category, limits, capabilities, orgs_category, before_write)

    async def present(self, wanted: Sequence[WantedNode], earlier: Earlier | None) -> tuple[Present, int | None]:
        """What is there, with everything that *wanted* names, and the journal entry as of which the tree holds."""
        tree = await self._client.tree(self._category)
        present = await asyncio.to_thread(Present.of, tree.answer)
        missing = lookups(wanted, present, earlier)
        by_id, by_external_id = sorted(missing.ids), sorted(missing.external_ids)
        if "values.unavailable" in self._capabilities and len(by_id) + len(by_external_id) > PAGED_FROM_LOOKUPS:
            found = await self._all_unavailable()
        else:
            found = await self._look_up(by_id, by_external_id)
        return present.with_found(found), tree.journal_seq

    async def touched(self, plan: Plan) -> Mapping[str, Mapping[str, int]]:
        """How many objects each value that leaves would touch, by the action's key, as far as the ATS says so."""
        leaving = [action for action in plan.actions if action.operation in OUTWARD and action.problem is None]
        leaving = leaving[: self._limits.touched]

        async def impact(value: int, remapped_to: int | None) -> Mapping[str, int]:
            intended = {"id": value, "available": False} | ({"remapped_to": remapped_to} if remapped_to else {})
            path = values_path(self._category)
            try:
                write = CategoryValueWrite.model_validate(intended, by_name=True)
                related = await self._client.change_impact(path, value, write)
            except BadRequest:
                # Refused as things are: its children leave, or its remap's target comes, earlier in the same plan.
                related = await self._client.summary(path, value)
            return (related.counts if related is not None else None) or {}

        calls = [_call(impact, action.target.id, action.remapped_to) for action in leaving if action.target is not None]
        answers = await self._each(calls)
        _raise_general(answers)
        return {
            action.key: answer for action, answer in zip(leaving, answers, strict=True) if isinstance(answer, Mapping)
        }

    async def write(self, writes: Sequence[CategoryValueWrite]) -> list[CategoryValue | Problem | None]:
        """Send *writes*, which do not depend on each other. None: not sent, as the ATS went away before."""
        if "values.batch" in self._capabilities:
            return await self._write_batch(writes)
        return await self._each([_call(self._write_one, write) for write in writes])

    async def _write_one(self, write: CategoryValueWrite) -> CategoryValue:
        await self._before_write()
        return await self._client.write_value(self._category, write)

    async def _write_batch(self, writes: Sequence[CategoryValueWrite]) -> list[CategoryValue | Problem | None]:
        await self._before_write()
        try:
            answer = await self._client.write_values(self._category, writes, atomic=False)
        except (PayloadTooLarge, LimitExceeded) as problem:
            if len(writes) == 1:
                return [problem]
            middle = len(writes) // 2
            first = await self._write_batch(writes[:middle])
            return first + await self._write_batch(writes[middle:])
        except Problem as problem:
            # Either way none of them was carried out, or it is not known.
            return [problem] * len(writes)
        if len(answer.results) != len(writes):
            raise ServiceUnreachable(f"{self._client.url} answered {len(answer.results)} of {len(writes)} writes")
        return [_outcome(result) for result in answer.results]

    async def _look_up(self, ids: Sequence[int], external_ids: Sequence[str]) -> list[CategoryValue]:
        calls: list[Callable[[], Awaitable[CategoryValue | None]]] = []
        calls += [_call(self._client.value, self._category, id_) for id_ in ids]
        if "values.byExternalId" in self._capabilities:
            calls += [_call(self._client.value_by_external_id, self._category, key) for key in external_ids]
        answers = await self._each(calls)
        _raise_general(answers)
        return [answer for answer in answers if isinstance(answer, CategoryValue)]

    async def _all_unavailable(self) -> list[CategoryValue]:
        found: list[CategoryValue] = []
        while True:
            page = await self._client.unavailable(self._category, after=found[-1].id if found else 0)
            found += page.results
            if page.next is None or not page.results:
                return found

    async def _each(self, calls: Sequence[Callable[[], Awaitable[Result]]]) -> list[Result | Problem | None]:
        """The answers, in order. After a general problem no further call is made: those answers are None.

        What is no Problem is raised as it is, and ends the other calls.
        """
        gate = asyncio.Semaphore(self._limits.concurrency)
        stopped = False

        async def one(call: Callable[[], Awaitable[Result]]) -> Result | Problem | None:
            nonlocal stopped
            async with gate:
                if stopped:
                    return None
                try:
                    return await call()
                except Problem as problem:
                    if is_general(problem):
                        stopped = True
                    return problem

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(call)) for call in calls]
        except ExceptionGroup as several:
            raise several.exceptions[0] from several
        return [task.result() for task in tasks]


async def _discover(client: AtsClient) -> Discovery | None:
    try:
        return await client.discover()
    except MethodNotAllowed:
        return None


async def orgs_category(
    connection: Connection, tenant: str, *, transport: httpx.AsyncBaseTransport | None
) -> int | None:
    """The category behind the org tree; None when the ATS does not say so in time, for whatever reason."""
    try:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            AtsClient(connection.url, tenant, connection.token, transport=transport) as client,
        ):
            discovery = await _discover(client)
    except (Problem, TimeoutError):
        return None
    return discovery.orgs_category if discovery is not None else None


def _outcome(result: BatchResult) -> CategoryValue | Problem:
    if result.value is not None:
        return result.value
    return Problem.from_document(result.problem if result.problem is not None else {}, status=result.status)


def is_general(problem: Problem) -> bool:
    """Whether *problem* is about the ATS or the access to it, not about one value."""
    return isinstance(problem, (*PASSING, *REFUSALS))


def _raise_general(answers: Sequence[object]) -> None:
    for answer in answers:
        if isinstance(answer, Problem) and is_general(answer):
            raise answer


def _call(method: Callable[..., Awaitable[Result]], *arguments: object) -> Callable[[], Awaitable[Result]]:
    return lambda: method(*arguments)
