"""Pings without us: a bare aiohttp loop that posts the same bytes, and stores nothing."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import aiohttp
import uvloop

from scripts.benchmarks.receivers import Sample

IN_FLIGHT = 32


@dataclass(frozen=True)
class Sent:
    """began: on the clock that all processes share. cpu_seconds: of the process, from then on."""

    began: float
    cpu_seconds: float


def send_bare(urls: Sequence[str], sample: Sample, posts: int) -> Sent:
    """POST the sample's body with its headers to each of *urls* in turn, *posts* times after once for the connections.

    On the event loop that the ATS runs on, too.
    """
    return uvloop.run(_send(urls, sample, posts))


async def _send(urls: Sequence[str], sample: Sample, posts: int) -> Sent:
    path = sample.path[sample.path.index("/t/") :]
    addresses = [url + path for url in urls]
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=["accept", "accept-encoding", "content-type", "user-agent"],
    ) as session:

        async def send_all(remaining: Iterable[str]) -> None:
            for address in remaining:
                async with session.post(address, data=sample.body, headers=sample.headers) as response:
                    await response.read()

        async def in_flight(all_posts: Iterable[str]) -> None:
            remaining = iter(all_posts)
            await asyncio.gather(*(send_all(remaining) for _ in range(IN_FLIGHT)))

        await in_flight(addresses)
        began, used = time.monotonic(), time.process_time()
        await in_flight(address for _ in range(posts) for address in addresses)
        return Sent(began, time.process_time() - used)
