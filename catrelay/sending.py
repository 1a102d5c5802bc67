"""Sending signed pings. Source: docs/contract/, "deltaPings"."""

import asyncio
import errno
import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from anyio import CapacityLimiter, to_thread

from catrelay.signing import sign
from catrelay.targets import Targets

KEEP_IDLE_SECONDS = 4.0
"""Shorter than what servers usually wait: a connection that the server is about to close loses the next ping."""
DRAIN_SECONDS = 1.0
MAX_ANSWER_BYTES = 4_096
MAX_ERROR_CHARACTERS = 300
MAX_LOOKUPS = 32


@dataclass(frozen=True)
class Answer:
    """What came of a ping. status: None when there was no answer. error: why it failed, for people."""

    status: int | None
    error: str | None = None
    retry_after: timedelta | None = None


class PingSender(AbstractAsyncContextManager["PingSender"]):
    """Posts pings over connections that are kept open, to permitted addresses only, without following redirects."""

    def __init__(self, targets: Targets, *, timeout: timedelta) -> None:
        self._targets = targets
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the caller bounds how many are under way
                resolver=_Resolver(),
                socket_factory=self._permitted_socket,
                keepalive_timeout=KEEP_IDLE_SECONDS,
            ),
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"user-agent": "catrelay"},
            skip_auto_headers=["content-type"],
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post(self, url: str, body: bytes, *, message_id: str, signing_secrets: Sequence[str]) -> Answer:
        """Send *body* (JSON, or nothing) to *url*, signed. message_id: the same whenever the same ping is repeated."""
        headers = sign(body, message_id=message_id, at=datetime.now(UTC), signing_secrets=signing_secrets)
        if body:
            headers["content-type"] = "application/json"
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                await _drain(response)
                return _answer(response.status, response.headers)
        except TimeoutError:
            return Answer(None, f"no answer within {self._timeout.total:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            text = str(error).replace("\x00", "") or type(error).__name__
            return Answer(None, text[:MAX_ERROR_CHARACTERS])

    def _permitted_socket(self, address_info: aiohttp.AddrInfoType) -> socket.socket:
        """The place where every connection passes, of names and of literal addresses, with the address it goes to."""
        family, kind, protocol, _, address = address_info
        if not self._targets.permits(str(address[0])):
            raise PermissionError(errno.EACCES, f"nothing is sent to {address[0]}, which is not public")
        return socket.socket(family, kind, protocol)


class _Resolver(AbstractResolver):
    """Looks names up in threads of its own: one name server that hangs must not hold up what else needs a thread."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(MAX_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        def look_up() -> list[ResolveResult]:
            return [
                ResolveResult(
                    hostname=host, host=str(address[0]), port=port, family=found, proto=protocol, flags=_NUMERIC
                )
                for found, _, protocol, _, address in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            ]

        return await to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=self._limiter)

    async def close(self) -> None:
        """There is nothing to close."""


_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read a short answer to its end, so that the connection can be used again; of a long one, close it."""
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            left = MAX_ANSWER_BYTES
            while left > 0 and (chunk := await response.content.read(left)):
                left -= len(chunk)


def _answer(status: int, headers: Mapping[str, str]) -> Answer:
    if 200 <= status < 300:
        return Answer(status)
    return Answer(status, f"answered {status}", _retry_after(headers.get("retry-after", "")))


def _retry_after(text: str) -> timedelta | None:
    """Seconds or an HTTP date; None for anything else."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return timedelta(seconds=int(text))
    with suppress(ValueError, TypeError):
        return max(parsedate_to_datetime(text) - datetime.now(UTC), timedelta())
    return None
