"""An export brought into a tenant. Source: docs/contract/, "Between tenants"."""

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import orjson

from catrelay.exchange.import_categories import Categories
from catrelay.exchange.import_objects import Ids, Objects
from catrelay.exchange.import_values import ValueIds, Values
from catrelay.exchange.lines import Header, Kind, Line, read_at, read_objects
from catrelay.exchange.making import make_what_was_intended
from catrelay.exchange.nodes import Node, node_of
from catrelay.exchange.objects import OBJECT_KINDS
from catrelay.exchange.records import Keys, Records, keys_of
from catrelay.exchange.report import Report
from catrelay.exchange.target import Target
from catrelay.models import Category, CategoryValue

NOTED_AT_ONCE = 1_000


def note_file(file: BinaryIO, records: Records) -> None:
    """Read *file*, which stands behind its header, and note where everything is. Raises NoExport if it is not whole."""
    lines = read_objects(file)
    while some := list(islice(lines, NOTED_AT_ONCE)):
        records.note_wanted(_row(place, line) for place, line in some if line.kind != "entry")
        records.note_entries(
            (line.data["id"], line.data["seq"]) for _, line in some if line.kind == "entry" and _is_known(line)
        )


async def bring(
    file: BinaryIO, header: Header, tenant: str, orgs_category: int, target: Target, records: Records, report: Report
) -> None:
    """Bring what `note_file` noted into *tenant*. orgs_category: the target's.

    What cannot be imported is told to *report*, and the rest is done. Raises a Problem of target.ENDING.
    """
    await make_what_was_intended(target, records)
    source = [
        Category.model_validate_json(orjson.dumps(read_at(file, place).data), extra="ignore")
        for place in records.places("category")
    ]
    categories = Categories(source, header.orgs_category, target, records, report)
    ids = await categories.make(orgs_category)
    found = ValueIds()
    for category in source:
        nodes = {node.id: node for node in _nodes(file, records, category.id)}
        if category.id not in ids:
            for node in nodes.values():
                report.fail("value", node.id, "its category could not be imported")
                report.count("value", "failed", node.id, node.name)
            continue
        values = Values(ids[category.id], nodes, target, records, report)
        known = records.targets("value", category=category.id)
        await values.bring(known, records.last_entries(category.id), found)
    translation = Ids(ids, {category.id for category in source} - ids.keys(), found, records)
    objects = {kind: Objects(kind, header, tenant, target, records, report) for kind in OBJECT_KINDS}
    for kind in OBJECT_KINDS:
        await objects[kind].bring(file, translation, set(ids.values()))
    await objects["user"].retire(file)
    await categories.finish(ids)


def _nodes(file: BinaryIO, records: Records, category: int) -> Iterator[Node]:
    for place in records.places("value", category=category):
        yield node_of(CategoryValue.model_validate_json(orjson.dumps(read_at(file, place).data), extra="ignore"))


def _row(place: int, line: Line) -> tuple[Kind, int, int | None, int, Keys]:
    return line.kind, line.data["id"], line.category, place, keys_of(line.kind, line.data)


def _is_known(entry: Line) -> bool:
    return isinstance(entry.data.get("id"), int) and isinstance(entry.data.get("seq"), int)
