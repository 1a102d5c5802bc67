"""One call for all who ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MAX_ASKED = 500


class Batch(Generic[Asked, Answer]):
    """While a call is under way, all who ask wait for the next one. call: gives an answer for each that was asked."""

    def __init__(self, call: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._call = call
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._calling: asyncio.Task[None] | None = None

    async def of(self, asked: Asked) -> Answer:
        """The answer to *asked*. Raises what the call raised."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._calling is None:
            # A task of its own: who asked first may give up while others still wait.
            self._calling = asyncio.create_task(self._call_for_all())
        return await future

    async def end(self) -> None:
        """Wait for the call that is under way; who asked and still waits is left without an answer."""
        self._waiting.clear()
        if self._calling is not None:
            await self._calling

    async def _call_for_all(self) -> None:
        await asyncio.sleep(0)  # whoever is about to ask may join
        while self._waiting:
            asked, self._waiting = self._waiting[:MAX_ASKED], self._waiting[MAX_ASKED:]
            await self._answer(asked)
        self._calling = None

    async def _answer(self, asked: "Sequence[tuple[Asked, asyncio.Future[Answer]]]") -> None:
        try:
            answers = await self._call([each for each, _ in asked])
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            if len(asked) > 1:  # one's trouble is not the others'
                for each in asked:
                    await self._answer([each])
            elif not asked[0][1].done():
                asked[0][1].set_exception(error)
        else:
            for (_, future), answer in zip(asked, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
