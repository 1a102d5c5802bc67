"""Data on stdout, everything else on stderr; colour only on a terminal."""

import sys
from collections.abc import Mapping, Sequence

import orjson
from rich.console import Console
from rich.table import Table

Cell = str | int | None


def say(text: str) -> None:
    """Tell the user something that is not data."""
    Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(text)


def print_json(data: object) -> None:
    """*data*, JSON-ready, as indented JSON."""
    sys.stdout.write(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_rows(rows: Sequence[Mapping[str, Cell]], columns: Sequence[str], *, as_json: bool = False) -> None:
    """*rows* as a table on a terminal, as tab-separated lines elsewhere, or as a JSON array of objects."""
    if as_json:
        print_json([{name: cell for name, cell in row.items() if cell is not None} for row in rows])
    elif sys.stdout.isatty():
        table = Table(box=None, header_style="bold")
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*(_text(row.get(column)) for column in columns))
        Console(highlight=False, markup=False).print(table)
    else:
        for line in [list(columns), *([_text(row.get(column)) for column in columns] for row in rows)]:
            sys.stdout.write("\t".join(line) + "\n")


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell)
