"""The guides to replicating are carried out, each with a tenant of its own of one suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catrelay.cli.services import load_service
from tests.guides import carry_out
from tests.postgres import psql
from tests.system.suites import up
from tests.test_docs import DOCS

OTHERS = ("uploader", "catman", "careersite")
GUIDES = sorted(path.stem for path in (DOCS / "howto").glob("replicate-*.md"))


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The port of the ATS of a suite, and its folder. The other services, which nobody asks, are not run."""
    folder = tmp_path_factory.mktemp("suite")
    for name in OTHERS:
        (folder / f"{name}.hold").touch()
    with up(folder) as running:
        yield running.suite.member("ats").url.rpartition(":")[2], folder


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
