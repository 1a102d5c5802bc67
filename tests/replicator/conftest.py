"""An app with a replica beside a small ATS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.replicator.objects import App, app_database
from tests.replicator.standin import StandIn


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with app_database(tmp_path) as database:
        yield App(database)


@pytest.fixture
def ats(request: pytest.FixtureRequest) -> StandIn:
    """One with one journal for all; by indirect parameters any other."""
    return StandIn(**getattr(request, "param", {}))
