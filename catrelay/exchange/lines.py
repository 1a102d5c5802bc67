"""The lines of an export, written and read one at a time. Source: docs/contract/export-format.md."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, get_args

import orjson
from pydantic import ValidationError

from catrelay.models import Id, Moment, Text, Wire

FORMAT = "catrelay-export"
VERSION = 1

Kind = Literal["candidate", "job", "user", "category", "value", "entry"]
"""What a line between the first and the last is about."""
KINDS: tuple[Kind, ...] = get_args(Kind)
Document = dict[str, Any]


class Header(Wire):
    """The first line. journal_seq: the tenant's newest entry when the export began."""

    format: Literal["catrelay-export"] = "catrelay-export"
    version: Literal[1] = 1
    tenant: Text
    epoch: Text
    journal_seq: int
    orgs_category: Id
    at: Moment


class End(Wire):
    """The last line. journal_seq: the newest entry that the file has. counts: lines of each kind."""

    journal_seq: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One object. category: of a value. files: contents (fileUpload.json) by the pointer to their description."""

    kind: Kind
    data: Document
    category: int | None = None
    files: Mapping[str, Document] = field(default_factory=dict)


class NoExport(Exception):
    """A file is not a whole export."""


def header_line(header: Header) -> bytes:
    """*header* as the line it stands on."""
    return _encoded({"kind": "header", "data": header.to_document()})


def end_line(end: End) -> bytes:
    """*end* as the line it stands on."""
    return _encoded({"kind": "end", "data": end.to_document()})


def object_line(line: Line) -> bytes:
    """*line* as it stands in a file."""
    document: Document = {"kind": line.kind, "data": line.data}
    if line.category is not None:
        document["category"] = line.category
    if line.files:
        document["files"] = line.files
    return _encoded(document)


def read_header(file: BinaryIO) -> Header:
    """The header of *file*, which is at its beginning. Raises NoExport."""
    try:
        document = orjson.loads(file.readline())
        if document["kind"] != "header" or document["data"]["format"] != FORMAT:
            raise NoExport("is no export: its first line is no header")
        if document["data"]["version"] != VERSION:
            raise NoExport(f"has version {document['data']['version']} of the format; this version reads {VERSION}")
        return Header.model_validate_json(orjson.dumps(document["data"]))
    except (ValueError, KeyError, TypeError) as error:
        raise NoExport("is no export: its first line is no header") from error


def read_objects(file: BinaryIO) -> Iterator[tuple[int, Line]]:
    """Each line after the header with its offset in *file*; once all are read, that the file is whole is checked.

    Raises NoExport for a line that is wrong, and for a file that ends too early or has something after its end.
    """
    counts: Counter[str] = Counter()
    offset = file.tell()
    for number, text in enumerate(file, start=2):
        document = _decoded(text, number)
        if document["kind"] == "end":
            _check_end(document["data"], counts)
            if file.read(1):
                raise NoExport(f"goes on after its end in line {number}")
            return
        yield offset, _line(document, number)
        counts[document["kind"]] += 1
        offset += len(text)
    raise NoExport("is cut off: its last line is missing")


def read_at(file: BinaryIO, offset: int) -> Line:
    """The line that begins at *offset*, which `read_objects` gave."""
    file.seek(offset)
    return _line(_decoded(file.readline(), 0), 0)


def _encoded(document: Document) -> bytes:
    return orjson.dumps(document) + b"\n"


def _decoded(text: bytes, number: int) -> Document:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        state = "is no JSON" if text.endswith(b"\n") else "is cut off"
        raise NoExport(f"{state} in line {number}") from error
    if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
        raise NoExport(f"has something else than an object in line {number}")
    return document


def _line(document: Document, number: int) -> Line:
    kind, data, category = document.get("kind"), document["data"], document.get("category")
    if kind not in KINDS or (kind == "value") != isinstance(category, int):
        raise NoExport(f"has something that this version does not know in line {number}")
    if kind != "entry" and not isinstance(data.get("id"), int):
        raise NoExport(f"has an object without an id in line {number}")
    return Line(kind, data, category, document.get("files", {}))


def _check_end(data: Document, counts: Counter[str]) -> None:
    try:
        end = End.model_validate_json(orjson.dumps(data))
    except ValidationError as error:
        raise NoExport("has an end that is wrong") from error
    if end.counts != counts:
        raise NoExport(f"is not whole: it has {dict(counts)}, and should have {end.counts}")
