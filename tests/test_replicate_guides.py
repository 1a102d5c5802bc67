"""The guides to replicating are carried out, each with a tenant of its own at one ATS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catrelay.cli.services import load_service
from tests.guides import carry_out
from tests.postgres import psql
from tests.test_docs import DOCS, process

GUIDES = sorted(path.stem for path in (DOCS / "howto").glob("replicate-*.md"))


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The port of an ATS, and the folder of its database. The guides ask no other service of the suite."""
    folder = tmp_path_factory.mktemp("suite")
    database = f"sqlite:///{folder}/ats.db"
    registry = load_service("ats").open_registry(database)
    registry.migrate()
    registry.close()
    serve = ["catrelay", "ats", "serve", "--database", database, "--port", "0", "--allow-targets", "127.0.0.0/8"]
    with process(*serve, said="serves on", folder=folder) as line:
        yield line.strip().rpartition(":")[2], folder


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guide_is_what_happens(
    guide: str, suite: tuple[str, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    port, folder = suite
    registry = load_service("ats").open_registry(f"sqlite:///{folder}/ats.db")
    registry.add_tenant(guide)
    registry.close()
    text = (DOCS / "howto" / f"{guide}.md").read_text()
    instead = {"8800": port, "acme": guide, "sqlite:///suite": f"sqlite:///{folder}"}
    if "postgresql:///shop" in text:
        instead |= {"psql": psql(), "postgresql:///shop": request.getfixturevalue("postgres_database")}

    carry_out(text, tmp_path, instead)
