"""Connections that go only where they may: to addresses of a host that were looked up and checked beforehand.

Source: docs/contract/, "Subscriptions".
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from anyio import CapacityLimiter, to_thread
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import BuilderError

from catrelay.targets import Targets, addresses_of

KEEP_IDLE_SECONDS = 4.0
"""Shorter than what servers usually wait: a connection that the server is about to close loses the next request."""
MAX_LOOKUPS = 32
MAX_HOSTS = 1_000
"""A client of each: some 0.1 MB, nearly all of it certificates of authorities."""


@dataclass(frozen=True)
class HostRefused:
    """Nothing can be sent to a host. reason: for people."""

    reason: str


@dataclass
class PinnedHost:
    """A host and the one address that its client connects to, whatever its name leads to by now.

    has_failed: to be set when a request got no answer. The host is then looked up before the next one.
    """

    client: Client
    address: str
    checked_at: float
    has_failed: bool = False


class PinnedHosts:
    """Clients by host. Hosts are looked up anew in the background, and before the next use after a failure.

    They are looked up in threads of their own: one name server that hangs must not hold up what else needs a thread.
    """

    def __init__(
        self, targets: Targets, *, connect_timeout: timedelta, check_every: timedelta, max_hosts: int = MAX_HOSTS
    ) -> None:
        self._targets = targets
        self._connect_timeout = connect_timeout
        self._check_seconds = check_every.total_seconds()
        self._max_hosts = max_hosts
        self._hosts: dict[str, PinnedHost] = {}
        """The longest unchecked first."""
        self._lookups: dict[str, asyncio.Task[PinnedHost | HostRefused]] = {}
        self._threads = CapacityLimiter(MAX_LOOKUPS)

    async def aclose(self) -> None:
        """Connections that are not in use are closed; what is under way ends by its timeouts."""
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)
        self._hosts.clear()

    def known(self, host: str) -> PinnedHost | None:
        """The host as it was checked not long ago; None when it has to be looked up first."""
        pinned = self._hosts.get(host)
        if pinned is None or pinned.has_failed:
            return None
        if time.monotonic() - pinned.checked_at >= self._check_seconds:
            self._look_up(host)
        return pinned

    async def find(self, host: str) -> PinnedHost | HostRefused:
        """The host, looked up now. host: as its URL is parsed by the client."""
        # Whoever waits may be cancelled without ending it for the others.
        return await asyncio.shield(self._look_up(host))

    def _look_up(self, host: str) -> asyncio.Task[PinnedHost | HostRefused]:
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._lookups[host] = asyncio.create_task(self._looked_up(host))
            lookup.add_done_callback(lambda _: self._lookups.pop(host))
        return lookup

    async def _looked_up(self, host: str) -> PinnedHost | HostRefused:
        before = self._hosts.get(host)
        found = await to_thread.run_sync(self._pin, host, before, abandon_on_cancel=True, limiter=self._threads)
        self._hosts.pop(host, None)
        if isinstance(found, PinnedHost):
            self._hosts[host] = found
            if len(self._hosts) > self._max_hosts:
                del self._hosts[next(iter(self._hosts))]
        return found

    def _pin(self, host: str, before: PinnedHost | None) -> PinnedHost | HostRefused:
        try:
            addresses = addresses_of(host.strip("[]"))
        except (OSError, UnicodeError):
            if before is None or before.has_failed:
                return HostRefused(f"name not found: {host}")
            # Name servers that are down take nothing down: the address is still one that was checked.
            addresses = [before.address]
        if (forbidden := self._targets.forbidden(addresses)) is not None:
            return HostRefused(f"nothing is sent to {forbidden}, which is not public")
        address = _next_address(addresses, before)
        if before is not None and before.address == address:
            before.checked_at, before.has_failed = time.monotonic(), False
            return before
        try:
            client = _client(host, address, self._connect_timeout)
        except BuilderError:
            return HostRefused("TLS failure: this machine has no certificates of authorities")
        return PinnedHost(client, address, time.monotonic())


def _next_address(addresses: list[str], before: PinnedHost | None) -> str:
    """The same as before, as long as it is one of the host's and answers."""
    if before is None or before.address not in addresses:
        return addresses[0]
    place = addresses.index(before.address) + (1 if before.has_failed else 0)
    return addresses[place % len(addresses)]


def _client(host: str, address: str, connect_timeout: timedelta) -> Client:
    """A client for URLs of *host* only: any other name it would look up itself."""
    return (
        ClientBuilder()
        .resolve(host, address, 0)  # 0: at the port of the URL
        .no_proxy()  # those of the environment would connect to whatever they are told
        .follow_redirects(False)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(timedelta(seconds=KEEP_IDLE_SECONDS))
        .user_agent("catrelay")
        .http1_lower_case_headers()
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .build()
    )
