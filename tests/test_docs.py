"""What is served, can be set or can go wrong is documented, and no link leads nowhere."""

import asyncio
import importlib
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import typer
from starlette.routing import BaseRoute, Mount, Route
from typer.core import TyperCommand, TyperGroup

from catrelay.cli.command import build_command
from catrelay.cli.services import command_names, load_service, service_command, service_names, single_command
from catrelay.client import AtsClient
from catrelay.demo.stage import eventually
from catrelay.models import CategoryValueWrite, CategoryWrite
from catrelay.problems import Problem
from catrelay.settings import ServiceSettings
from replicator import ReplicaMetrics
from tests.system.suites import free_base_port

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
CONTRACT = (DOCS / "contract" / "data-migration.md").read_text()
COMMAND_LINE = (DOCS / "contract" / "command-line.md").read_text()
ERRORS = (DOCS / "errors.md").read_text()

SERVICES = ["ats_stub", "uploader", "catman", "replicator.careersite"]

# A whole path below the tenant, or "/edit/..." for all that stands below /edit.
ENDPOINT = re.compile(r"`(?:(GET|POST|PUT|PATCH|DELETE) )?(/[^`\s]*)`")
TENANT = "/t/{tenant}"


def settings_of(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"{service}.settings")
    (found,) = (
        member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, ServiceSettings) and member.__module__ == module.__name__
    )
    return found


def endpoints(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Method and path of everything that *routes* serve; the path as documented, without the tenant."""
    for route in routes:
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/"
        elif isinstance(route, Route):
            path = re.sub(r":\w+\}", "}", route.path)
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, path.removeprefix(TENANT) or "/"


def is_documented(method: str, path: str) -> bool:
    """Whether the contract lists it. The org tree has the endpoints of any category's values."""
    of_category = re.sub("^/orgs/values", "/categories/byID/{category}/values", path)
    return any(
        documented_method in ("", method)
        and (documented in (path, of_category) or (documented.endswith("...") and path.startswith(documented[:-3])))
        for documented_method, documented in ENDPOINT.findall(CONTRACT)
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_is_documented(service: str, tmp_path: Path) -> None:
    settings = settings_of(service)(database=f"sqlite:///{tmp_path / 'test.db'}")
    app = importlib.import_module(f"{service}.app").create_app(settings)

    served = list(endpoints(app.routes))

    assert served
    assert [endpoint for endpoint in served if not is_documented(*endpoint)] == []


def commands(app: typer.Typer) -> dict[str, TyperCommand]:
    """All commands of *app* by their names, those of groups behind the group's."""
    found: dict[str, TyperCommand] = {}
    left = [("", typer.main.get_command(app))]
    for above, command in left:
        if isinstance(command, TyperGroup):
            left += [(f"{above} {name}".strip(), each) for name, each in command.commands.items()]
        elif isinstance(command, TyperCommand):
            found[above] = command
    return found


def documented_commands() -> set[str]:
    """Every command that the contract shows, and every beginning of one: `a b|c` is a, a b and a c."""
    found: set[str] = set()
    for words in re.findall(r"\bcatrelay((?: [\w|-]+)+)", COMMAND_LINE):
        beginnings = [""]
        for word in words.split():
            beginnings = [f"{beginning} {each}".strip() for beginning in beginnings for each in word.split("|")]
            found.update(beginnings)
    return found


def test_every_command_is_documented() -> None:
    assert set(commands(build_command())) - set(service_names()) - documented_commands() == set()


@pytest.mark.parametrize("name", service_names())
def test_every_command_of_a_service_is_documented(name: str) -> None:
    documented = documented_commands()

    served = commands(service_command(load_service(name)))

    assert served
    assert [each for each in served if not documented & {f"SERVICE {each}", f"{name} {each}"}] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_documented(service: str) -> None:
    documented = set(re.findall(r"^\| `(CATRELAY_\w+)` \|", COMMAND_LINE + CONTRACT, re.MULTILINE))

    names = {f"CATRELAY_{name.upper()}" for name in settings_of(service).model_fields}

    assert names - documented == set()


def test_every_documented_setting_is_one() -> None:
    documented = set(re.findall(r"`(CATRELAY_\w+)`", COMMAND_LINE + CONTRACT + ERRORS))

    names = {f"CATRELAY_{name.upper()}" for service in SERVICES for name in settings_of(service).model_fields}
    installed = [build_command(), *map(single_command, command_names())]
    for command in [each for app in installed for each in commands(app).values()]:
        for option in command.params:
            names.update(re.findall(r"CATRELAY_\w+", f"{option.envvar} {getattr(option, 'help', '')}"))

    assert documented - names - {"CATRELAY_PUBLISHED_SCHEMAS"} == set()


def test_every_metric_of_replicas_is_documented() -> None:
    names = [f"{each.name}_total" if each.type == "counter" else each.name for each in ReplicaMetrics(list).describe()]

    assert [name for name in names if f"`{name}`" not in CONTRACT] == []


def test_every_problem_type_has_a_heading_and_every_heading_is_one() -> None:
    assert sorted(re.findall(r"^### (.+)$", ERRORS, re.MULTILINE)) == sorted(Problem.types())


def test_every_problem_is_documented_with_its_status() -> None:
    sections = re.split(r"^### (.+)\n", ERRORS, flags=re.MULTILINE)[1:]
    texts = dict(zip(sections[::2], sections[1::2], strict=True))

    # The guard's is never an answer of its own: it stands in an upload's status.
    wrong = [
        name
        for name, kind in Problem.types().items()
        if not texts[name].startswith(str(kind.status)) and name != "upload-guard-tripped"
    ]
    assert wrong == []


@contextmanager
def process(*command: str, said: str, folder: Path, **environment: str) -> Iterator[str]:
    """A process, once it has *said* something; gives the line of stderr. Killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, env=os.environ | environment, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        heard = []
        try:
            for line in running.stderr:
                heard.append(line)
                if said in line:
                    yield line
                    return
            raise AssertionError("".join(heard))
        finally:
            running.kill()


def test_the_app_of_the_quickstart_moves_its_objects_when_it_is_pinged(tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", (DOCS / "quickstart.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) < 25
    database = f"sqlite:///{tmp_path}/ats.db"
    registry = load_service("ats").open_registry(database)
    registry.migrate()
    registry.add_tenant("acme")
    token, reader = registry.add_token("acme", "test", "admin"), registry.add_token("acme", "myapp", "read")
    registry.close()
    port = str(free_base_port())

    async def flow(url: str) -> None:
        async def caught_up() -> bool:
            return any(each.applied_seq is not None for each in (await ats.subscriptions()).results)

        async def pins() -> list[tuple[int | None]]:
            with closing(sqlite3.connect(tmp_path / "myapp.db")) as app:
                return app.execute("SELECT value FROM testimonials").fetchall()

        async with AtsClient(url, "acme", token) as ats:
            category = (await ats.create_category(CategoryWrite(name="Expertise"))).id
            it, data = [(await ats.write_value(category, CategoryValueWrite(name=name))).id for name in ("IT", "Data")]
            with process(*uvicorn, said="startup complete", folder=tmp_path, ATS_TOKEN=reader):
                assert await eventually(caught_up, bool)
                with closing(sqlite3.connect(tmp_path / "myapp.db", isolation_level=None)) as app:
                    app.execute("INSERT INTO testimonials (category, value) VALUES (?, ?)", [category, data])
                await ats.write_value(category, CategoryValueWrite(id=data, available=False, remapped_to=it))
                assert await eventually(pins, lambda found: found != [(data,)]) == [(it,)]

    uvicorn = ["uvicorn", "myapp:app", "--port", port]
    serve = ["catrelay", "ats", "serve", "--database", database, "--port", "0", "--allow-targets", "127.0.0.0/8"]
    with process(*serve, said="serves on", folder=tmp_path) as line:
        url = line.split()[-1]
        (tmp_path / "myapp.py").write_text(code.replace("http://127.0.0.1:8800", url).replace("8810", port))
        asyncio.run(flow(url))


def anchors(page: Path) -> set[str]:
    """The fragments of *page*, made from its headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if not link.startswith("https://")]

    for link in links:
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not fragment or fragment in anchors(target), f"{link} names no heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_only_files_that_are_there(page: Path) -> None:
    named = re.findall(r"`((?:scripts|docs|replicator|catrelay|tests)/[\w/.\-]*)`", page.read_text())

    assert [name for name in named if not (ROOT / name).exists()] == []
