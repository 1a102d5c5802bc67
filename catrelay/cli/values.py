"""`catrelay values ...`: a category's values, one at a time."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import typer

from catrelay.cli.administer import JsonOption
from catrelay.cli.group import new_group
from catrelay.cli.journal import in_words
from catrelay.cli.output import Cell, print_json, print_rows, say
from catrelay.cli.target import Target, reaching
from catrelay.client import AtsClient, values_path
from catrelay.models import CategoryValue, CategoryValueWrite

COLUMNS = ("id", "name", "code", "externalId", "parent", "available", "remappedTo")
INDENT = "  "

CategoryOption = Annotated[int, typer.Option("--category", min=1, help="Id of the category; the org tree's works too")]
ValueArgument = Annotated[int, typer.Argument(metavar="VALUE", min=1, help="Id of the value")]
CodeOption = Annotated[str | None, typer.Option(help="Its code")]
ParentOption = Annotated[int | None, typer.Option(min=1, help="Id of the value to put it below")]

values = new_group("List and change the values of a category.")


def _example(arguments: str) -> str:
    return f"Example: catrelay values {arguments} --suite suite/suite.json"


def _client(target: Target) -> AtsClient:
    return AtsClient(target.url, target.tenant, target.token)


@values.command("list", epilog=_example("list --category 17"))
@reaching("ats")
async def list_(target: Target, category: CategoryOption, as_json: JsonOption = False) -> None:
    """List the tree of available values."""
    async with _client(target) as ats:
        tree = (await ats.tree(category)).answer
    if as_json:
        print_json([value.to_document() for value in tree])
    else:
        print_rows(list(_tree_rows(tree)), ["id", "name", "code", "externalId"])


@values.command(epilog=_example("show --category 17 1001"))
@reaching("ats")
async def show(target: Target, category: CategoryOption, value: ValueArgument, as_json: JsonOption = False) -> None:
    """Show one value, also an unavailable one, and what the ATS holds on it."""
    async with _client(target) as ats:
        found = await ats.value(category, value)
        summary = await ats.summary(values_path(category), value)
    if as_json:
        print_json(found.to_document() | ({"summary": summary.to_document()} if summary else {}))
    else:
        _print_value(found, as_json=False)
        if summary is not None:
            typer.echo(summary.summary)


@values.command(epilog=_example("create --category 17 Birkenhead --parent 1003"))
@reaching("ats")
async def create(
    target: Target,
    category: CategoryOption,
    name: Annotated[str, typer.Argument(help="Its name")],
    parent: ParentOption = None,
    code: CodeOption = None,
    external_id: Annotated[str | None, typer.Option(help="Its key in another system; never changes")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a value."""
    members = {"name": name, "parent": parent, "code": code, "external_id": external_id}
    await _write(target, category, members, as_json=as_json)


@values.command(epilog=_example("update --category 17 20045 --name Brooklyn"))
@reaching("ats")
async def update(
    target: Target,
    category: CategoryOption,
    value: ValueArgument,
    name: Annotated[str | None, typer.Option(help="Its new name")] = None,
    parent: ParentOption = None,
    code: CodeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a value's name, code or place."""
    members = {"id": value, "name": name, "parent": parent, "code": code}
    await _write(target, category, members, as_json=as_json)


@values.command(epilog=_example("remap --category 17 1001 --to 1003"))
@reaching("ats")
async def remap(
    target: Target,
    category: CategoryOption,
    value: ValueArgument,
    to: Annotated[int, typer.Option(min=1, help="Id of the value that takes over everything")],
    as_json: JsonOption = False,
) -> None:
    """Make a value unavailable, and move everything at it to another."""
    members = {"id": value, "available": False, "remapped_to": to}
    await _write(target, category, members, as_json=as_json)


@values.command(epilog=_example("inactivate --category 17 87544"))
@reaching("ats")
async def inactivate(
    target: Target, category: CategoryOption, value: ValueArgument, as_json: JsonOption = False
) -> None:
    """Make a value unavailable; what is at it loses it."""
    await _write(target, category, {"id": value, "available": False}, as_json=as_json)


@values.command(epilog=_example("undo --category 17 23"))
@reaching("ats")
async def undo(
    target: Target,
    category: CategoryOption,
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="Number of the remap in the journal")],
    as_json: JsonOption = False,
) -> None:
    """Take a remap back: the value is available again, and what the remap moved returns to it."""
    async with _client(target) as ats:
        entry = await ats.undo(category, seq)
    if as_json:
        print_json(entry.to_document())
    else:
        typer.echo(in_words(entry))


async def _write(target: Target, category: int, members: Mapping[str, object], *, as_json: bool) -> None:
    write = CategoryValueWrite.model_validate({name: each for name, each in members.items() if each is not None})
    async with _client(target) as ats:
        if write.available is False and write.id is not None:
            impact = await ats.change_impact(values_path(category), write.id, write)
            say(impact.summary if impact else "The ATS holds nothing on it.")
        written = await ats.write_value(category, write)
    _print_value(written, as_json=as_json)


def _print_value(value: CategoryValue, *, as_json: bool) -> None:
    if as_json:
        print_json(value.to_document())
    else:
        print_rows([_row(value, 0)], COLUMNS)


def _tree_rows(tree: Iterable[CategoryValue], depth: int = 0) -> Iterator[dict[str, Cell]]:
    for value in tree:
        yield _row(value, depth)
        yield from _tree_rows(value.values or (), depth + 1)


def _row(value: CategoryValue, depth: int) -> dict[str, Cell]:
    document = value.to_document()
    row: dict[str, Cell] = {name: document.get(name) for name in COLUMNS}
    return row | {"name": INDENT * depth + value.name, "available": "yes" if value.available else "no"}
