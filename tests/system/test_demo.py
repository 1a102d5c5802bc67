import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from catrelay.cli.services import load_service
from catrelay.cli.suite import Member, Suite, locked, read_suite, write_private
from catrelay.demo.suite import free_base_port as next_base_port
from catrelay.demo.suite import running_suite
from tests.system.suites import free_base_port, is_free, is_running

FLOWS = 4


def demo(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "catrelay", "demo", "--base-port", str(free_base_port()), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_all_flows_end_as_the_document_says_on_sqlite_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    played = demo("--once")

    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stdout.count("ended as the document says") == FLOWS
    assert "✗" not in played.stdout
    assert f"{FLOWS} of {FLOWS} flows ended as the document says" in played.stderr
    assert list(tmp_path.iterdir()) == []


def test_all_flows_end_so_on_postgresql_beside_a_tenant_that_is_left_alone_and_are_served_until_it_is_stopped(
    postgres_database: str, tmp_path: Path
) -> None:
    registry = load_service("ats").open_registry(postgres_database)
    registry.migrate()
    registry.add_tenant("acme")

    command = [sys.executable, "-m", "catrelay", "demo", "--base-port", str(free_base_port()), "--data", str(tmp_path)]
    command += ["--ats-database", postgres_database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("Serving"):
                break
        suite = read_suite(tmp_path / "suite.json")
        page = httpx.get(f"{suite.careersite.url}/t/{suite.tenant}/careers")
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 128 + signal.SIGTERM, "".join(lines)
        played = process.stdout.read()

    tenants = registry.tenants()
    tokens_of_acme = registry.tokens("acme")
    registry.close()
    assert played.count("ended as the document says") == FLOWS
    assert tenants == ["acme", "acme-2"]
    assert tokens_of_acme == []
    assert not (tmp_path / "ats.db").exists()
    assert not (tmp_path / "uploader.db").exists()
    assert page.status_code == 200
    assert any(f"/t/{suite.tenant}/sign-in#token={suite.catman.token}" in line for line in lines)
    assert not is_running(suite.pid)


def test_a_database_that_cannot_be_reached_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "catrelay", "demo", "--once"]
    command += ["--ats-database", "postgresql://127.0.0.1:1/nowhere", "--data", str(tmp_path)]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "Connection refused" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_folder_whose_suite_is_running_is_refused_and_left_alone(tmp_path: Path) -> None:
    with locked(tmp_path):
        refused = demo("--once", "--data", str(tmp_path))

    assert refused.returncode == 1
    assert f"catrelay: another suite runs on {tmp_path}\n" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_the_ready_file_of_a_suite_that_was_killed_is_not_taken_for_the_new_ones(tmp_path: Path) -> None:
    gone = Member(url="http://127.0.0.1:1", token="T", database="sqlite:///gone.db")
    killed = Suite(tenant="acme", pid=1, ats=gone, uploader=gone, catman=gone, careersite=gone)
    write_private(tmp_path / "suite.json", killed.to_document())

    with running_suite(tmp_path, ["--base-port", str(free_base_port())]) as process:
        assert read_suite(tmp_path / "suite.json").pid == process.pid


def test_free_ports_are_found_beside_taken_ones() -> None:
    base_port = next_base_port()

    assert all(is_free(base_port + index) for index in range(4))
