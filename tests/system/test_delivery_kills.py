"""An ATS that is killed again and again while it delivers, to subscribers that fail: in the end nothing is missing."""

import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from ats_stub.store import open_registry
from tests.receivers import WAIT_SECONDS, Received, Receiver, Reply
from tests.system.leases import end_deliverers_leases
from tests.system.suites import free_base_port

KILLS = 4
ORGS = 12
MAX_TOLD_BETWEEN_KILLS = 60
PAUSE_SECONDS = 0.02


class Ats:
    """An ATS in a process of its own, always on the same port."""

    def __init__(self, database: str, folder: Path) -> None:
        registry = open_registry(database)
        registry.migrate()
        registry.add_tenant("acme")
        token = registry.add_token("acme", "tests", "admin")
        registry.close()
        self._database = database
        self._log = folder / "ats.log"
        port = free_base_port()
        self._command = [sys.executable, "-m", "catrelay", "ats", "serve", "--database", database, "--port", str(port)]
        self._command += ["--allow-targets", "127.0.0.0/8", "--ping-retry-seconds", "0.2,0.5,1"]
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/t/acme", headers={"authorization": f"Bearer {token}"}, timeout=30
        )

    @contextmanager
    def running(self) -> Iterator["Ats"]:
        self._start()
        try:
            yield self
        finally:
            self._kill()
            self._http.close()

    def kill(self, *, wait_for_leases: bool) -> None:
        """Kill it with SIGKILL, and start it again. wait_for_leases: else they are over, as they are in ten seconds."""
        self._kill()
        if not wait_for_leases:
            end_deliverers_leases(self._database)
        self._start()

    def _start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(self._command, stderr=log)

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer, however often the ATS is away: all that is asked here may be repeated."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                answer = self._http.request(method, path, json=body)
            except httpx.TransportError:
                assert time.monotonic() < deadline, self._log.read_text()
                threading.Event().wait(PAUSE_SECONDS)
            else:
                assert answer.is_success, answer.text
                return answer.json()

    def lags(self) -> list[int]:
        return [each["lag"] for each in self.ask("GET", "/subscriptions")["results"]]

    def wait_until_all_is_told(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while any(lags := self.lags()):
            assert time.monotonic() < deadline, (lags, self._log.read_text())
            threading.Event().wait(PAUSE_SECONDS)


class Subscriber:
    """Keeps what it was told of each value, refused pings apart. refuse_every: so many-th request, while it is ill."""

    def __init__(self, *, is_batch: bool = False, refuse_every: int | None = None) -> None:
        self.is_batch = is_batch
        self.refuse_every = refuse_every
        self.told: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        self.refused = 0
        self.receiver = Receiver()
        self.receiver.reply = self._reply

    def _reply(self, received: list[Received]) -> Reply:
        if self.refuse_every is not None and len(received) % self.refuse_every == 0:
            self.refused += 1
            return Reply(500)
        for path, value in self._pings(received[-1]):
            named = re.fullmatch(r"(?:/t/acme)?/orgs/values/byID/(\d+)/deltaPings", path)
            assert named is not None, path
            self.told[int(named[1])].append(value)
        return Reply()

    def _pings(self, request: Received) -> list[tuple[str, dict[str, Any]]]:
        body = orjson.loads(request.body)
        return [(each["path"], each["body"]) for each in body["pings"]] if self.is_batch else [(request.path, body)]


@contextmanager
def held(receiver: Receiver) -> Iterator[None]:
    """Choose a port for *receiver* that nobody else is given while it does not listen: connections are refused."""
    receiver.reserve()
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", urlsplit(receiver.url).port))
        yield


class Changes:
    """A thread that changes *orgs* until the block ends. The name of each ends with its version, which grows."""

    def __init__(self, ats: Ats, orgs: Sequence[int], chance: random.Random) -> None:
        self.orgs = orgs
        self.names: dict[int, str] = {}
        """Of each org that was changed, as the ATS acknowledged last."""
        self._ats = ats
        self._chance = chance
        self._ended = threading.Event()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        thread = threading.Thread(target=self._change)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _change(self) -> None:
        version = 0
        while not self._ended.is_set():
            version += 1
            org = self._chance.choice(self.orgs)
            name = f"Org {org} of version {version}"
            self._ats.ask("POST", "/orgs/values", {"id": org, "name": name})
            self.names[org] = name


def add_orgs(ats: Ats) -> list[list[int]]:
    """Some to be changed before the first kill, some after each."""
    values = [{"name": f"Org {number}"} for number in range(ORGS * (KILLS + 1))]
    made = ats.ask("POST", "/orgs/values/batch", {"atomic": True, "values": values})["results"]
    ids = [result["value"]["id"] for result in made]
    return [ids[start : start + ORGS] for start in range(0, len(ids), ORGS)]


def version(value: dict[str, Any]) -> int:
    return int(value["name"].rpartition(" ")[2])


def test_nothing_is_missing_after_kills_under_load_with_failing_subscribers(
    empty_database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(4)
    well, ill, away = Subscriber(), Subscriber(refuse_every=3), Subscriber()
    batched = Subscriber(is_batch=True)
    subscribers = (well, ill, away, batched)

    with held(away.receiver), ExitStack() as listening, Ats(empty_database_url, tmp_path).running() as ats:
        for subscriber in (well, ill, batched):
            listening.enter_context(subscriber.receiver.listening())
        orgs = add_orgs(ats)
        for subscriber in subscribers:
            wanted = {"url": subscriber.receiver.url, "topics": ["orgs"], "batch": subscriber.is_batch}
            ats.ask("POST", "/subscriptions", wanted)
        changes = Changes(ats, orgs[0], chance)
        with changes.going_on():
            for number in range(KILLS):
                with away.receiver.listening() if number % 2 else nullcontext():
                    told = len(well.receiver.received) + chance.randint(1, MAX_TOLD_BETWEEN_KILLS)
                    well.receiver.wait_for_count(told)
                    changes.orgs = orgs[number + 1]  # what a kill lost is not made good by what changes later
                    ats.kill(wait_for_leases=number == KILLS - 1)
        ill.refuse_every = None
        listening.enter_context(away.receiver.listening())
        ats.wait_until_all_is_told()
        present = {org: ats.ask("GET", f"/orgs/values/byID/{org}") for org in changes.names}

    assert {org: value["name"] for org, value in present.items()} == changes.names
    assert ill.refused
    for subscriber in subscribers:
        assert {org: values[-1] for org, values in subscriber.told.items()} == present
        for values in subscriber.told.values():
            assert all(version(before) <= version(after) for before, after in pairwise(values))
