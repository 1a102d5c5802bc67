"""Where pings go, and where they do not, whatever their host leads to by the time they are sent."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, aclosing
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from catrelay.pinning import HostRefused, PinnedHost, PinnedHosts
from catrelay.sending import Answer, PingSender
from catrelay.targets import Targets
from tests.raw_receivers import RawReceiver, answering
from tests.receivers import WAIT_SECONDS
from tests.sending import post, post_all

NO_CONTENT = answering(b"HTTP/1.1 204 No Content\r\n\r\n")
PUBLIC = "93.184.216.34"
HERE, BESIDE = "127.0.0.1", "127.0.0.2"
WAIT = timedelta(seconds=WAIT_SECONDS)


class Names:
    """What the system would be told by name servers. They do not know a name that leads nowhere."""

    def __init__(self, **leads_to: list[str]) -> None:
        self.leads_to = {name.replace("_", "."): addresses for name, addresses in leads_to.items()}
        self.lookups = 0

    def getaddrinfo(self, host: str, port: int | None, **options: Any) -> list[tuple[Any, ...]]:
        self.lookups += 1
        if not self.leads_to.get(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in self.leads_to[host]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """receiver.invalid leads to this machine: no real name server would say so of that name."""
    names = Names(receiver_invalid=[HERE])
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names


def url_of(receiver: RawReceiver, host: str = "receiver.invalid") -> str:
    return f"http://{host}:{receiver.port}/hook"


def test_a_ping_goes_to_the_address_that_was_checked(names: Names) -> None:
    with RawReceiver(NO_CONTENT).listening() as receiver:
        assert post(url_of(receiver)) == Answer(204)

    assert f"\r\nhost: receiver.invalid:{receiver.port}\r\n".encode() in receiver.requests[0]


@pytest.mark.parametrize(
    "host",
    ["Receiver.Invalid", "receiver.invalid.", "a_b.invalid", "xn--bcher-kva.invalid", "bücher.invalid", "*.invalid"],
)
def test_however_a_name_is_written_it_is_looked_up_once_and_here(names: Names, host: str) -> None:
    for name in ("receiver.invalid.", "a_b.invalid", "xn--bcher-kva.invalid", "*.invalid"):
        names.leads_to[name] = [HERE]
    with RawReceiver(NO_CONTENT).listening() as receiver:
        assert post_all(url_of(receiver, host), url_of(receiver, host)) == [Answer(204)] * 2

    assert names.lookups == 1


def test_a_name_that_has_come_to_lead_to_this_machine_is_refused(names: Names) -> None:
    names.leads_to["receiver.invalid"] = [PUBLIC]
    with RawReceiver(NO_CONTENT).listening() as receiver:
        Targets("").check_url(url_of(receiver))
        names.leads_to["receiver.invalid"] = [HERE]

        answer = post(url_of(receiver), allowed="")

    assert answer == Answer(None, "nothing is sent to 127.0.0.1, which is not public")
    assert receiver.connections == 0


@pytest.mark.parametrize("addresses", [[HERE, BESIDE], [BESIDE, HERE]])
def test_a_name_of_two_addresses_is_refused_for_the_one_that_is_forbidden(names: Names, addresses: list[str]) -> None:
    names.leads_to["receiver.invalid"] = addresses
    with RawReceiver(NO_CONTENT, host=BESIDE).listening() as forbidden:
        answer = post(url_of(forbidden), allowed=HERE)

    assert answer == Answer(None, "nothing is sent to 127.0.0.2, which is not public")
    assert forbidden.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "①②⑦.0.0.1",
        "127.0.0.1%2e",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::1]",
        "[0:0::0:1]",
        "0",
        "0.0.0.0",
        "[::]",
        "localhost",
        "LOCALHOST",
    ],
)
def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with RawReceiver(NO_CONTENT).listening() as receiver:
        answer = post(url_of(receiver, host), allowed="")

    assert (answer.error or "").endswith("which is not public")
    assert receiver.connections == 0


@pytest.mark.parametrize("host", ["[fe80::1%lo]", "[fe80::1%25lo]", "127.0.0.1:x", "a%00.invalid", "1.2.3.4.5"])
def test_what_is_no_host_is_refused(host: str) -> None:
    assert (post(f"http://{host}/").error or "").startswith("nothing can be sent to this URL: ")


@pytest.mark.parametrize("host", ["receiver.invalid@other.invalid", "other.invalid\\@receiver.invalid"])
def test_the_host_that_is_looked_up_is_the_one_that_is_sent_to(names: Names, host: str) -> None:
    assert (post(f"http://{host}/").error or "") == "name not found: other.invalid"


@pytest.mark.parametrize("host", ["unknown.invalid", "a..invalid", "b" * 64 + ".invalid"])
def test_a_name_that_is_not_known_is_told(host: str) -> None:
    assert post(f"http://{host}/") == Answer(None, f"name not found: {host}")


def test_redirects_are_not_followed() -> None:
    with RawReceiver(NO_CONTENT).listening() as elsewhere:
        location = f"location: {elsewhere.url}\r\nset-cookie: a=b\r\n".encode()
        redirecting = answering(b"HTTP/1.1 307 X\r\ncontent-length: 0\r\n" + location + b"\r\n")
        with RawReceiver(redirecting).listening() as receiver:
            assert post_all(receiver.url, receiver.url) == [Answer(307, "answered 307")] * 2

    assert elsewhere.connections == 0
    assert not any(b"cookie" in request for request in receiver.requests)


def test_proxies_of_the_environment_have_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawReceiver(NO_CONTENT).listening() as proxy, RawReceiver(NO_CONTENT).listening() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert post(receiver.url) == Answer(204)

    assert (proxy.connections, receiver.connections) == (0, 1)


async def until(is_done: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it holds, for as long as any machine may need."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not await is_done():
        assert time.monotonic() < deadline


def test_a_host_in_use_that_has_come_to_lead_to_this_machine_is_refused(names: Names) -> None:
    async def run(url: str) -> None:
        async with PingSender(Targets(HERE), timeout=WAIT, check_every=timedelta()) as sender:
            assert await sender.post(url, b"", {}) == Answer(204)
            names.leads_to["receiver.invalid"] = [BESIDE]

            async def is_refused() -> bool:
                return "not public" in ((await sender.post(url, b"", {})).error or "")

            await until(is_refused)
            assert await is_refused()

    with RawReceiver(NO_CONTENT).listening() as receiver:
        asyncio.run(run(url_of(receiver)))


def test_a_host_in_use_outlives_its_name_servers(names: Names) -> None:
    async def run(url: str) -> None:
        async with PingSender(Targets(HERE), timeout=WAIT, check_every=timedelta()) as sender:
            assert await sender.post(url, b"", {}) == Answer(204)
            names.leads_to.clear()

            async def was_looked_up_again() -> bool:
                assert await sender.post(url, b"", {}) == Answer(204)
                return names.lookups > 3

            await until(was_looked_up_again)

    with RawReceiver(NO_CONTENT).listening() as receiver:
        asyncio.run(run(url_of(receiver)))

    assert receiver.connections == 1


def test_after_a_failure_the_host_is_looked_up_anew_and_its_next_address_is_tried(names: Names) -> None:
    with RawReceiver(NO_CONTENT, host=BESIDE).listening() as receiver:
        url = url_of(receiver)
        names.leads_to["receiver.invalid"] = [HERE]
        moved = [HERE, BESIDE]

        async def run() -> list[Answer]:
            async with PingSender(Targets("127.0.0.0/8"), timeout=WAIT) as sender:
                first = await sender.post(url, b"", {})
                names.leads_to["receiver.invalid"] = moved
                return [first, await sender.post(url, b"", {}), await sender.post(url, b"", {})]

        answers = asyncio.run(run())

    assert answers == [Answer(None, "connection refused"), Answer(204), Answer(204)]
    assert names.lookups == 2


def test_a_lookup_that_hangs_is_given_up_and_holds_nothing_up(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = Event()

    def getaddrinfo(host: str, port: int | None, **options: Any) -> list[tuple[Any, ...]]:
        if host == "hanging.invalid":
            is_over.wait(WAIT_SECONDS)
        return names.getaddrinfo(host, port, **options)

    async def run(receiver: RawReceiver) -> list[Answer]:
        async with PingSender(Targets(HERE), timeout=timedelta(seconds=0.3)) as sender:
            return await asyncio.gather(
                *(sender.post(url, b"", {}) for url in ("http://hanging.invalid/", url_of(receiver)))
            )

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with ExitStack() as stack:
        stack.callback(is_over.set)
        receiver = stack.enter_context(RawReceiver(NO_CONTENT).listening())

        assert asyncio.run(run(receiver)) == [Answer(None, "the name was not found within 0.3 s"), Answer(204)]


def test_a_lookup_goes_on_for_the_others_when_one_that_waits_is_cancelled(names: Names) -> None:
    async def run() -> tuple[bool, PinnedHost | HostRefused]:
        async with aclosing(PinnedHosts(Targets(""), connect_timeout=WAIT, check_every=WAIT)) as hosts:
            finding = asyncio.create_task(hosts.find("receiver.invalid"))
            await asyncio.wait([finding], timeout=0)
            finding.cancel()
            found = await hosts.find("receiver.invalid")
            return finding.cancelled(), found

    assert asyncio.run(run()) == (True, HostRefused("nothing is sent to 127.0.0.1, which is not public"))
    assert names.lookups == 1


def test_the_host_that_was_checked_longest_ago_makes_room(names: Names) -> None:
    async def run() -> list[bool]:
        hosts = PinnedHosts(Targets(HERE), connect_timeout=WAIT, check_every=WAIT, max_hosts=2)
        async with aclosing(hosts):
            for name in ("a", "b", "a", "c"):
                names.leads_to[name] = [HERE]
                await hosts.find(name)
            return [hosts.known(name) is not None for name in ("a", "b", "c")]

    assert asyncio.run(run()) == [True, False, True]
