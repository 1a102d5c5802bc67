import asyncio
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from catrelay.cli.suite import SERVICES, locked
from catrelay.demo.stage import eventually
from tests.system.suites import STOP_SECONDS, Up, free_base_port, is_free, is_running, up


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A suite that several tests share."""
    with up(tmp_path_factory.mktemp("suite")) as suite:
        yield suite


def pids(suite: Up) -> dict[str, int | None]:
    return {name: suite.suite.member(name).pid for name in SERVICES}


def test_the_ready_file_is_as_the_contract_says(running: Up) -> None:
    document = json.loads(running.ready_file.read_text())

    assert stat.S_IMODE(running.ready_file.stat().st_mode) == 0o600
    assert list(document) == ["tenant", "pid", *SERVICES]
    assert (document["tenant"], document["pid"]) == ("acme", running.process.pid)
    ports = [int(document[name]["url"].rpartition(":")[2]) for name in SERVICES]
    assert ports == list(range(ports[0], ports[0] + 4))
    for name in SERVICES:
        assert set(document[name]) == {"url", "token", "pid", "database"}
        assert document[name]["database"] == f"sqlite:///{running.folder}/{name}.db"
        assert is_running(document[name]["pid"])


def test_every_service_is_ready_and_takes_its_token_of_the_ready_file(running: Up) -> None:
    for name in SERVICES:
        ready = httpx.get(f"{running.suite.member(name).url}/readyz")
        discovered = running.get(name, "")

        assert (name, ready.status_code) == (name, 200)
        assert (name, discovered.status_code) == (name, 200)


def test_the_career_site_is_subscribed_at_the_ats(running: Up) -> None:
    async def subscribers() -> list[str]:
        return [each["app"] for each in running.get("ats", "/subscriptions").json()["results"]]

    assert asyncio.run(eventually(subscribers, lambda apps: apps != [])) == ["careersite"]
    with closing(sqlite3.connect(running.folder / "ats.db")) as ats:
        assert [secret[:7] for (secret,) in ats.execute("SELECT secret FROM subscriptions")] == ["sealed:"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_killed_is_started_again_and_the_ready_file_replaced(running: Up, name: str) -> None:
    before, file_before = pids(running), running.ready_file.stat().st_ino
    killed = before[name]
    assert killed is not None

    os.kill(killed, signal.SIGKILL)
    running.until(lambda line: line.startswith(f"{name} serves again"))

    after = pids(running)
    assert after[name] not in {killed, None}
    assert {each: pid for each, pid in after.items() if each != name} == {
        each: pid for each, pid in before.items() if each != name
    }
    assert running.ready_file.stat().st_ino != file_before
    assert running.get(name, "").status_code == 200


def test_a_held_service_is_stopped_until_it_is_released(running: Up) -> None:
    before = pids(running)
    held = before["careersite"]
    assert held is not None
    hold = running.folder / "careersite.hold"

    hold.touch()
    running.until(lambda line: line.startswith("careersite is held"))
    assert not is_running(held)
    hold.unlink()
    running.until(lambda line: line.startswith("careersite serves again"))

    assert pids(running)["careersite"] not in {held, None}


def test_a_signal_stops_all_in_time_and_the_next_run_has_the_same_tokens_and_data(tmp_path: Path) -> None:
    port = free_base_port()
    with up(tmp_path, base_port=port) as first:
        suite = first.suite
        made = httpx.post(
            f"{suite.ats.url}/t/acme/categories",
            json={"name": "Location", "key": "LOCATION"},
            headers={"authorization": f"Bearer {suite.ats.token}"},
        )
        assert_stops(first, signal.SIGINT)

    with up(tmp_path, base_port=port) as second:
        assert {name: second.suite.member(name).token for name in SERVICES} == {
            name: suite.member(name).token for name in SERVICES
        }
        assert [each["id"] for each in second.get("ats", "/categories").json()] == [made.json()["id"]]
        assert_stops(second, signal.SIGTERM)


def assert_stops(suite: Up, number: signal.Signals) -> None:
    """Nothing that runs, and no ready file, is left in time."""
    processes = pids(suite)

    suite.process.send_signal(number)

    assert suite.process.wait(STOP_SECONDS) == 0
    assert not any(pid is not None and is_running(pid) for pid in processes.values())
    assert not suite.ready_file.exists()


def test_the_services_do_not_outlive_a_suite_that_is_killed(tmp_path: Path) -> None:
    port = free_base_port()
    with up(tmp_path, base_port=port) as suite:
        suite.process.kill()
        suite.process.wait()

        with locked(tmp_path):  # the services hold the lock too: who has it after them knows that they ended
            assert all(is_free(port + index) for index in range(len(SERVICES)))


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    port = free_base_port()
    with socket.create_server(("127.0.0.1", port + 2)):
        ended = subprocess.run(
            [sys.executable, "-m", "catrelay", "up", "--data", str(tmp_path), "--base-port", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )

    assert ended.returncode == 1
    assert f"catrelay: port {port + 2} (for catman) cannot be used: Address already in use" in ended.stderr


def test_a_service_that_cannot_start_fails_the_suite_with_its_last_words(tmp_path: Path) -> None:
    environment = os.environ | {"CATRELAY_MAX_BODY_BYTES": "none"}

    ended = subprocess.run(
        [sys.executable, "-m", "catrelay", "up", "--data", str(tmp_path), "--base-port", str(free_base_port())],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )

    assert ended.returncode == 1
    assert "before it was ready: " in ended.stderr
    assert "--max-body-bytes: input should be a valid integer" in ended.stderr


def test_ats_and_uploader_keep_their_data_in_one_postgresql_database_when_told_so(
    postgres_database: str, tmp_path: Path
) -> None:
    told = {name: f"--{name}-database={postgres_database}" for name in ("ats", "uploader")}

    with up(tmp_path, *told.values()) as suite:
        for name in told:
            assert suite.suite.member(name).database == postgres_database
            assert suite.get(name, "").status_code == 200
    assert not any((tmp_path / f"{name}.db").exists() for name in told)


def test_one_sqlite_file_for_two_services_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/both.db"

    command = [sys.executable, "-m", "catrelay", "up", "--data", str(tmp_path)]
    command += ["--ats-database", url, "--uploader-database", url]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert "each needs its own" in ended.stderr
