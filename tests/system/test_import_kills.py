"""`catrelay import` killed with SIGKILL at one of its requests, and run again."""

import json
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import open_registry
from catrelay.cli import main

Document = dict[str, Any]

# A process for each run, which need not import all anew.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["catrelay.cli", "catrelay.exchange.importing"])


class Killer:
    """An ATS that kills its client at one of the writes: before it is carried out, or before it is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.victim: BaseProcess | None = None
        self.at = 0
        self.carries_out = False
        self.writes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PATCH"):
            await self._app(scope, receive, send)
            return
        self.writes += 1
        victim = self.victim
        if victim is None or self.writes != self.at:
            await self._app(scope, receive, send)
            return
        if self.carries_out:
            await self._app(scope, receive, _nowhere)
        victim.kill()
        wait([victim.sentinel])


async def _nowhere(_: Any) -> None:
    """Takes an answer that nobody waits for."""


class Ats:
    """A running ATS, its tenants' tokens, and who is killed when."""

    def __init__(self, url: str, tokens: dict[str, str], killer: Killer) -> None:
        self.url = url
        self.killer = killer
        self._tokens = tokens

    def call(self, tenant: str, method: str, path: str, body: object = None) -> Any:
        headers = {"authorization": f"Bearer {self._tokens[tenant]}"}
        return (
            httpx.request(method, f"{self.url}/t/{tenant}{path}", json=body, headers=headers).raise_for_status().json()
        )

    def run(self, name: str, tenant: str, *arguments: str) -> int | None:
        """The exit code of a command. From its start on, it is the one to be killed."""
        where = ["--ats", self.url, "--token", self._tokens[tenant], "--tenant", tenant]
        process = self.killer.victim = FORKS.Process(target=main, args=([name, *arguments, *where],))
        process.start()
        process.join()
        return process.exitcode

    def is_killed_while_importing(self, file: Path, tenant: str, *, at: int, carries_out: bool) -> bool:
        """Import, to be killed at the write number *at*; whether there were as many."""
        self.killer.at, self.killer.carries_out, self.killer.writes = at, carries_out, 0
        ended = self.run("import", tenant, str(file))
        self.killer.at = 0
        assert ended in (0, -9)
        return ended == -9


@pytest.fixture
def ats(database_url: str) -> Iterator[Ats]:
    with closing(open_registry(database_url)) as registry:
        registry.migrate()
        tokens = {}
        for tenant in ("acme", "beta", "gamma"):
            registry.add_tenant(tenant)
            tokens[tenant] = registry.add_token(tenant, "tests", "admin")
    app = create_app(AtsSettings(database=database_url))
    killer = Killer(app)
    with listening(killer) as url:
        yield Ats(url, tokens, killer)


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """The root URL of *app* on a socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def fill(ats: Ats) -> None:
    """What has neither externalId nor code: only what is remembered tells whether it is there."""

    def make(path: str, **body: Any) -> int:
        return int(ats.call("acme", "POST", path, body)["id"])

    skills = make("/categories", name="Skills")
    values = f"/categories/byID/{skills}/values"
    above = make(values, name="above")
    gone, twin = make(values, name="twin", parent=above), make(values, name="twin", parent=above)
    make(values, id=gone, available=False, remappedTo=twin)
    boss = make("/users", person={"givenName": "Grace"})
    references = [{"category": skills, "values": [twin]}]
    for _ in range(2):
        make("/jobs", title="Analyst", manager={"id": boss}, categories=references)
        make("/candidates", person={"givenName": "Ada"}, categories=references)


def shape(ats: Ats, tenant: str) -> Document:
    """What the tenant has, with names in place of ids."""
    names: dict[int, str] = {}
    values = []
    for category in ats.call(tenant, "GET", "/categories"):
        path = f"/categories/byID/{category['id']}/values"
        unavailable = ats.call(tenant, "GET", f"{path}/unavailable")["results"]
        pending = [*ats.call(tenant, "GET", path), *unavailable]
        for value in pending:
            pending += value.pop("values", [])
            names[value["id"]] = f"{value['name']} {value['available']}"
        values += [
            [category["name"], names[v["id"]], names.get(v.get("parent")), names.get(v.get("remappedTo"))]
            for v in pending
        ]
    found: Document = {"values": sorted(values, key=str)}
    for kind in ("users", "jobs", "candidates"):
        listed = ats.call(tenant, "GET", f"/{kind}")["results"]
        found[kind] = sorted(
            json.dumps(
                [
                    each.get("title"),
                    each.get("person"),
                    each.get("manager", {}).get("person"),
                    [names[v] for entry in each.get("categories", ()) for v in entry["values"]],
                ]
            )
            for each in listed
        )
    return found


@pytest.mark.parametrize("carries_out", [False, True])
def test_an_import_that_was_killed_again_and_again_ends_as_one_that_was_not(
    ats: Ats, tmp_path: Path, carries_out: bool
) -> None:
    fill(ats)
    file = tmp_path / "acme.json"
    assert ats.run("export", "acme", "--to", str(file)) == 0
    assert ats.run("import", "gamma", str(file)) == 0
    assert shape(ats, "gamma") == shape(ats, "acme")

    # A run first sends again what the one before it did not see answered, so each is killed later than that one.
    kills = 0
    while ats.is_killed_while_importing(file, "beta", at=2 + kills, carries_out=carries_out):
        kills += 1

    assert kills > 2
    assert shape(ats, "beta") == shape(ats, "gamma")
