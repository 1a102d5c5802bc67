"""`scripts/bench`: measure, print one table."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from scripts.benchmarks import ats, machine
from scripts.benchmarks.report import Row, table
from scripts.benchmarks.stage import QUICK, Sizes, Stage
from scripts.benchmarks.tenants import compared, seed_others
from tests.postgres import fresh_database, postgres_server

DATABASES = ("sqlite", "postgresql")
NOT_AMONG_OTHERS = ("kinto", "seq")


def main() -> None:
    """Measure what the arguments name. Goals that are missed are the table's to tell: the exit code is 0."""
    given = _parser().parse_args()
    sizes = QUICK if given.quick else Sizes()
    if given.dependents:
        sizes = replace(sizes, dependents=given.dependents)
    names = given.only or list(ats.MEASUREMENTS)
    rows: list[Row] = []
    peaks: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as name:
        folder = Path(name)
        facts = machine.facts(folder)
        for kind in given.database or DATABASES:
            with database_in(folder, kind, given.folder) as database:
                stage = Stage(database, sizes, folder)
                facts += _server_facts(stage)
                alone = ats.measure(stage, names)
                rows += alone
                if given.tenants:
                    alike = [name for name in names if name not in NOT_AMONG_OTHERS]
                    alone = ats.measure(stage, alike)
                    seed_others(stage, given.tenants)
                    rows += compared(alone, ats.measure(stage, alike), given.tenants)
                peaks += [f"{name} on {kind} {peak:.0f} MB" for name, peak in stage.peaks.items()]
    print("\n".join(facts), "", table(rows), "", f"Peak memory of the server: {', '.join(peaks)}", sep="\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure against bare baselines in the same run.",
        epilog="Example: scripts/bench ats --only create --database sqlite",
    )
    parser.add_argument("subject", choices=["ats"], help="what is measured")
    only = parser.add_argument("--only", action="append", choices=ats.MEASUREMENTS, help="some rows; may be repeated")
    only.metavar = "NAME"
    parser.add_argument("--database", action="append", choices=DATABASES, help="default: both")
    parser.add_argument("--tenants", type=int, default=0, metavar="N", help="measure again among N other tenants")
    parser.add_argument("--dependents", type=int, metavar="N", help="of the remapped value; default 1,000,000")
    parser.add_argument("--folder", type=Path, help="where the databases are put; default: where temporary files are")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works, measures nothing")
    return parser


@contextmanager
def database_in(folder: Path, kind: str, chosen: Path | None) -> Iterator[str]:
    """An empty database that keeps what it has committed when the power fails. chosen: where temporary files go to."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
        return
    with postgres_server(durable=True, within=chosen) as server, fresh_database(server) as database:
        yield database


def _server_facts(stage: Stage) -> Sequence[str]:
    if stage.kind == "sqlite":
        return []
    with psycopg.connect(stage.database) as connection:
        settings = [
            f"{name}={connection.execute('SELECT current_setting(%s)', [name]).fetchone()[0]}"  # type: ignore[index]
            for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        ]
    return [f"PostgreSQL: {', '.join(settings)}"]
