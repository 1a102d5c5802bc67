"""Posting pings, each time with a sender of its own."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from catrelay.sending import Answer, PingSender
from catrelay.targets import Targets
from tests.receivers import WAIT_SECONDS

THIS_MACHINE = "127.0.0.0/8"


def post(
    url: str,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    *,
    allowed: str = THIS_MACHINE,
    seconds: float = WAIT_SECONDS,
) -> Answer:
    """Send one ping. allowed: what is sent to besides public addresses. seconds: its timeout."""

    async def run() -> Answer:
        async with PingSender(Targets(allowed), timeout=timedelta(seconds=seconds)) as sender:
            return await sender.post(url, body, headers or {})

    return asyncio.run(run())


def post_all(*urls: str, allowed: str = THIS_MACHINE) -> list[Answer]:
    """Send a ping to each, one after another."""

    async def run() -> list[Answer]:
        async with PingSender(Targets(allowed), timeout=timedelta(seconds=WAIT_SECONDS)) as sender:
            return [await sender.post(url, b"{}", {}) for url in urls]

    return asyncio.run(run())
