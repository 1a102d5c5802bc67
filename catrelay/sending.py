"""Sending pings. Source: docs/contract/, "deltaPings"."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType

from pyreqwest.exceptions import DecodeError, RequestError, RequestTimeoutError
from pyreqwest.http import Url
from pyreqwest.response import Response

from catrelay.pinning import HostRefused, PinnedHost, PinnedHosts
from catrelay.targets import Targets

CHECK_EVERY = timedelta(seconds=30)
CONNECT_TIMEOUT = timedelta(seconds=5)
DRAIN_SECONDS = 1.0
MAX_ANSWER_BYTES = 4_096
MAX_ERROR_CHARACTERS = 300


@dataclass(frozen=True)
class Answer:
    """What came of a ping. status: None when there was no answer. error: why it failed, for people."""

    status: int | None
    error: str | None = None
    retry_after: timedelta | None = None


class PingSender(AbstractAsyncContextManager["PingSender"]):
    """Posts pings over connections that are kept open, to permitted addresses only, without following redirects.

    timeout: of a ping as a whole. connect_timeout: of a connection, TLS included. check_every: how often it is looked
    up where a host that is used leads to.
    """

    def __init__(
        self,
        targets: Targets,
        *,
        timeout: timedelta,
        connect_timeout: timedelta = CONNECT_TIMEOUT,
        check_every: timedelta = CHECK_EVERY,
    ) -> None:
        self._seconds = timeout.total_seconds()
        self._hosts = PinnedHosts(targets, connect_timeout=connect_timeout, check_every=check_every)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._hosts.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send *body* (JSON, or nothing) to *url*.

        Whoever is cancelled goes on at once; the request itself ends no later than by its timeout.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._seconds
        try:
            # The one parser for the check and for the connection: two might see different hosts.
            destination = Url(url)
            if (name := destination.host_str) is None or destination.scheme not in ("http", "https"):
                return _failed("nothing can be sent to this URL: it is not http or https")
        except ValueError as error:
            return _failed(f"nothing can be sent to this URL: {error}")
        host = self._hosts.known(name) or await self._find(name)
        if isinstance(host, HostRefused):
            return _failed(host.reason)
        # The client's timeout, not asyncio's: whoever is cancelled does not end what goes on in the client's thread.
        request = (
            host.client.post(destination)
            .headers(headers)
            .header(*(_JSON if body else _EMPTY))
            .body_bytes(body)
            .timeout(timedelta(seconds=max(deadline - clock(), 0)))
            .streamed_read_buffer_limit(0)
        )
        try:
            async with request.build_streamed() as response:
                await _drain(response)
                return _answer(response)
        except RequestError as error:
            host.has_failed = True
            return _failed(_reason(error, self._seconds))

    async def _find(self, name: str) -> PinnedHost | HostRefused:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._hosts.find(name)
        except TimeoutError:
            return HostRefused(f"the name was not found within {self._seconds:g} s")


_JSON = ("content-type", "application/json")
_EMPTY = ("content-length", "0")
"""Not sent by itself for an empty body, and asked for by some servers."""
_SYSTEM_NUMBER = re.compile(r" \(os error \d+\)$")


def _reason(error: RequestError, seconds: float) -> str:
    """The innermost cause; the outer ones say what the client did, and the URL."""
    causes = [cause["message"] for cause in error.details["causes"] or ()] or [error.message]
    is_connecting = "client error (Connect)" in causes
    if isinstance(error, RequestTimeoutError):
        return "no connection in time" if is_connecting else f"no answer within {seconds:g} s"
    reason = _SYSTEM_NUMBER.sub("", causes[-1]).partition("; ")[0]
    if is_connecting and "tcp connect error" not in causes:
        return f"TLS failure: {reason}"
    if isinstance(error, DecodeError):
        return f"no HTTP answer: {reason}"
    return reason[:1].lower() + reason[1:]


def _failed(text: str) -> Answer:
    return Answer(None, "".join(filter(str.isprintable, text))[:MAX_ERROR_CHARACTERS])


async def _drain(response: Response) -> None:
    """Read a short answer to its end, so that the connection can be used again; of a long one, close it."""
    if response.status == 204 or _header(response, "content-length") == "0":
        return
    with suppress(RequestError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.body_reader.read(MAX_ANSWER_BYTES)


def _answer(response: Response) -> Answer:
    status = response.status
    if 200 <= status < 300:
        return Answer(status)
    return Answer(status, f"answered {status}", _retry_after(_header(response, "retry-after")))


def _header(response: Response, name: str) -> str:
    try:
        return response.get_header(name) or ""
    except ValueError:  # not ASCII
        return ""


def _retry_after(text: str) -> timedelta | None:
    """Seconds or an HTTP date; None for anything else."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return timedelta(seconds=int(text))
    with suppress(ValueError, TypeError):
        return max(parsedate_to_datetime(text) - datetime.now(UTC), timedelta())
    return None
