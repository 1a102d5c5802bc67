"""`scripts/bench`: measure, print one table."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from scripts.benchmarks import ats, delivery, machine, replicator
from scripts.benchmarks.report import Row, table
from scripts.benchmarks.stage import QUICK, Measurement, Sizes, Stage
from scripts.benchmarks.tenants import compared, seed_others
from tests.postgres import fresh_database, postgres_server

DATABASES = ("sqlite", "postgresql")
SUBJECTS: Mapping[str, Mapping[str, Measurement]] = {
    "ats": ats.MEASUREMENTS,
    "delivery": delivery.MEASUREMENTS,
    "replicator": replicator.MEASUREMENTS,
}
NOT_AMONG_OTHERS = ("kinto", "seq")


def main() -> None:
    """Measure what the arguments name. Goals that are missed are the table's to tell: the exit code is 0."""
    given = _parser().parse_args()
    sizes = QUICK if given.quick else Sizes()
    if given.dependents:
        sizes = replace(sizes, dependents=given.dependents)
    measurements = SUBJECTS[given.subject]
    names = given.only or list(measurements)
    rows: list[Row] = []
    peaks: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as name:
        folder = Path(name)
        facts = machine.facts(folder)
        for kind in given.database or DATABASES:
            with database_in(folder, kind, given.folder) as database:
                stage = Stage(database, sizes, folder)
                facts += _server_facts(stage)
                rows += measure(stage, measurements, names)
                if given.tenants:
                    alike = [name for name in names if name not in NOT_AMONG_OTHERS]
                    alone = measure(stage, measurements, alike)
                    seed_others(stage, given.tenants)
                    rows += compared(alone, measure(stage, measurements, alike), given.tenants)
                peaks += [f"{name} on {kind} {peak:.0f} MB" for name, peak in stage.peaks.items()]
    print("\n".join(facts), "", table(rows), "", f"Peak memory of the server: {', '.join(peaks)}", sep="\n")


def measure(stage: Stage, measurements: Mapping[str, Measurement], names: Sequence[str]) -> list[Row]:
    """The rows of the measurements named."""
    rows: list[Row] = []
    for name in names:
        began = time.monotonic()
        rows += measurements[name](stage)
        sys.stderr.write(f"{name} on {stage.kind}: {time.monotonic() - began:.0f} s\n")
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure against bare baselines in the same run.",
        epilog="Example: scripts/bench ats --only create --database sqlite",
    )
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="SUBJECT", help="what is measured")
    for subject, measurements in SUBJECTS.items():
        _add_options(subjects.add_parser(subject), list(measurements))
    among = "measure again among N other tenants"
    subjects.choices["ats"].add_argument("--tenants", type=int, default=0, metavar="N", help=among)
    for subject in SUBJECTS.keys() - {"ats"}:
        subjects.choices[subject].set_defaults(tenants=0)
    return parser


def _add_options(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    only = parser.add_argument("--only", action="append", choices=names, help=f"{', '.join(names)}; may be repeated")
    only.metavar = "NAME"
    parser.add_argument("--database", action="append", choices=DATABASES, help="default: both")
    parser.add_argument("--dependents", type=int, metavar="N", help="objects that move; default 1,000,000")
    parser.add_argument("--folder", type=Path, help="where the databases are put; default: where temporary files are")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works, measures nothing")


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
