"""Clients of services that are killed under them: each asks until it knows what came of its request."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from catrelay.client import AtsClient, UploaderClient
from catrelay.demo.careersite import CareersiteClient
from catrelay.demo.stage import eventually
from catrelay.problems import Unavailable, UnavailableValue, UnknownValue, UploadIncomplete
from tests.system.acknowledged import Acknowledged, Kind

Answer = TypeVar("Answer")
Ask = Callable[[], Awaitable[Answer]]
Look = Callable[[], Awaitable[int | None]]

LOST_SHARE = 0.1
"""How many answers are lost on their way, though nobody is killed."""

MOST_PINS = 3


async def insist(ask: Ask[Answer]) -> Answer:
    """The answer, however often the service is away: *ask* may be repeated."""
    answers: list[Answer] = []

    async def once() -> bool:
        with suppress(Unavailable):
            answers.append(await ask())
        return bool(answers)

    assert await eventually(once, bool), "the service did not come back"
    return answers[0]


async def nothing() -> None:
    """For who looks nothing up, and asks again instead."""


@dataclass(frozen=True)
class Services:
    """Clients of all of them."""

    ats: AtsClient
    uploader: UploaderClient
    careersite: CareersiteClient


class Client:
    """Carries out one operation after the other, each once."""

    def __init__(self, name: str, services: Services, known: Acknowledged, seed: int) -> None:
        self.services = services
        self.known = known
        self.chance = Random(f"{seed} {name}")
        self._name = name
        self._words = 0

    async def work(self, ended: asyncio.Event) -> None:
        """Until *ended*."""
        while not ended.is_set():
            await self.act()
            self.known.operations += 1

    async def act(self) -> None:
        """One operation, of whatever kind."""
        raise NotImplementedError

    def new_word(self) -> str:
        """One that is nowhere else."""
        self._words += 1
        return f"{self._name} {self._words}"

    async def once(self, ask: Ask[int], look: Look) -> int:
        """The id that *ask* was answered, or that *look* found where no answer came; it is None if nothing was done.

        *ask* may be repeated where *look* finds nothing. Raises the Problem that refuses it.
        """

        async def attempt() -> int | None:
            with suppress(Unavailable, UploadIncomplete):
                answer = await ask()
                if self.chance.random() >= LOST_SHARE:
                    return answer
            return await insist(look)

        done = await eventually(attempt, lambda found: found is not None)
        assert done is not None, "the service did not come back"
        return done

    async def pin(self, kind: Kind, values: Iterable[int], ask: Ask[int], look: Look) -> list[int]:
        """Have an object pinned to *values*. Gives its id, or nothing where one of them is not available."""
        wanted = frozenset(values)
        try:
            object_ = await self.once(ask, look)
        except (UnavailableValue, UnknownValue):  # what came and went is not known everywhere
            assert self.known.may_be_gone(wanted), f"{kind} may be pinned to {wanted}"
            return []
        self.known.pins[kind][object_] = wanted
        return [object_]

    def some_values(self) -> list[int]:
        """To pin an object to."""
        return sorted({self.known.some_value(self.chance) for _ in range(self.chance.randint(1, MOST_PINS))})
