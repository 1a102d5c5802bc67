"""What every test may ask for: databases, a browser, the published schemas."""

import logging
import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from tests.mariadb import fresh_mariadb_database, mariadb_server
from tests.postgres import fresh_database, postgres_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IN_CI = os.environ.get("CI") == "true"
PUBLISHED_SCHEMAS = os.environ.get("CATRELAY_PUBLISHED_SCHEMAS")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--headless",
    "--no-first-run",
)

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "dev")

# Tests against the published schemas exist only where those do: they are not a part of this repository.
collect_ignore = [] if PUBLISHED_SCHEMAS else ["published"]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_if_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_if_skipped_in_ci(report)
    return report


def fail_if_skipped_in_ci(report: pytest.CollectReport | pytest.TestReport) -> None:
    """What is missing on a developer's machine is a skip; in CI it would be a gap that nobody sees."""
    is_expected_failure = hasattr(report, "wasxfail")
    if IN_CI and report.skipped and not is_expected_failure:
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true forbids: {report.longreprtext}"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A test that configures logs, as starting a service does, configures them for itself only."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """A PostgreSQL server, one for each test process: sharing one saves no time and needs coordination."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgres_server())
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            pytest.skip(f"PostgreSQL does not start here: {error}")
        yield url


@pytest.fixture
def postgres_database(postgres_server_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    with fresh_database(postgres_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server_url() -> Iterator[str]:
    """A MariaDB server, one for each test process that asks for it, like PostgreSQL's."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(mariadb_server())
        except (OSError, RuntimeError) as error:
            pytest.skip(f"MariaDB does not start here: {error}")
        yield url


@pytest.fixture
def mariadb_url(mariadb_server_url: str) -> Iterator[str]:
    """The URL of an empty MariaDB database of this test's own."""
    with fresh_mariadb_database(mariadb_server_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of this test's own, on each kind of database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """The URL of a database of this test's own: an empty one, unless a folder's tests need more."""
    return empty_database_url


@pytest.fixture(scope="session")
def published_schemas() -> Path:
    """The folder of the published JSON Schemas; only for tests in tests/published."""
    assert PUBLISHED_SCHEMAS, "a test that needs the published schemas belongs into tests/published"
    return Path(PUBLISHED_SCHEMAS)


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A running Chromium.

    Not shared by the session: while it is open, its event loop makes asyncio.run() fail in the same process.
    """
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        pytest.skip(f"no browser here: none of {', '.join(CHROMIUM_NAMES)} is on the PATH")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*CHROMIUM_OPTIONS, *as_root])
        yield browser
        browser.close()
