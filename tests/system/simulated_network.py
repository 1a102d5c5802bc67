"""A network that loses, doubles, delays and reorders, as chance has it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from catrelay.problems import ServiceUnreachable

Answered = TypeVar("Answered")

FAR_SECONDS = (0.0002, 0.004)
NEAR_SECONDS = (0.00002, 0.0002)
"""How long a message takes that nothing happens to. Between neighbours, much happens while others wait for answers."""
LATE_SECONDS = (0.01, 20.0)
TIMEOUT_SECONDS = (0.05, 5.0)
"""After so long a sender gives up waiting for an answer."""


@dataclass(frozen=True)
class Weather:
    """What happens to messages, as shares."""

    lost: float = 0.0
    late: float = 0.0
    doubled: float = 0.0


FAIR = Weather()


@dataclass
class Tally:
    """What happened to messages."""

    sent: int = 0
    lost: int = 0
    late: int = 0
    doubled: int = 0

    def counted(self) -> dict[str, int]:
        """By what happened."""
        return {"messages": self.sent, "lost": self.lost, "late": self.late, "doubled": self.doubled}


@dataclass
class Network:
    """The links between processes. cut: names of those that nobody reaches, and that reach nobody."""

    weather: Weather = FAIR
    tally: Tally = field(default_factory=Tally)
    cut: set[str] = field(default_factory=set)

    def link(self, name: str, random: Random, seconds: tuple[float, float] = FAR_SECONDS) -> "Link":
        """The way to or from *name*. seconds: that a message takes, from and to."""
        return Link(self, name, random, seconds)


class Link:
    """One way through the network."""

    def __init__(self, network: Network, name: str, random: Random, seconds: tuple[float, float]) -> None:
        self._network = network
        self._name = name
        self._random = random
        self._seconds = seconds

    async def carry(self) -> bool:
        """Take a message there. Whether it arrives: if not, so long passes as its sender waits."""
        tally, weather, random = self._network.tally, self._network.weather, self._random
        tally.sent += 1
        fate = random.random()
        if fate < weather.lost or self._name in self._network.cut:
            tally.lost += 1
            await asyncio.sleep(random.uniform(*TIMEOUT_SECONDS))
            return False
        if fate < weather.lost + weather.late:
            tally.late += 1
            await asyncio.sleep(random.uniform(*LATE_SECONDS))
        else:
            await asyncio.sleep(random.uniform(*self._seconds))
        return self._name not in self._network.cut

    async def ask(self, serve: Callable[[], Answered]) -> Answered:
        """What *serve* answers, or raises, there. Raises ServiceUnreachable when request or answer is lost."""
        if not await self.carry():
            raise ServiceUnreachable("the request was lost")
        try:
            answer = serve()
        except Exception:
            if not await self.carry():
                raise ServiceUnreachable("the answer was lost") from None
            raise
        if not await self.carry():
            raise ServiceUnreachable("the answer was lost")
        return answer

    def is_doubled(self) -> bool:
        """Whether a message comes twice."""
        is_doubled = self._random.random() < self._network.weather.doubled
        self._network.tally.doubled += is_doubled
        return is_doubled

    async def later(self, act: Callable[[], Awaitable[object]]) -> None:
        """Do *act* once a message's double comes."""
        await asyncio.sleep(self._random.uniform(*LATE_SECONDS))
        await act()
