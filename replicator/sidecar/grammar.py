"""What `--binding` says. Pure. Source: docs/contract/command-line.md, "Beside any app"."""

import re
from dataclasses import dataclass
from typing import cast

from catrelay.models import MAX_ID
from replicator.domain.transfers import Policy

_NAME = r"[^\s.:=@()\[\]<>]+"
_TABLE = rf"{_NAME}(?:\.{_NAME})?"
_BINDING = re.compile(
    rf"(?P<table>{_TABLE}) (?:\((?P<key>{_NAME})\))? \.(?P<column>{_NAME})"
    rf"(?: (?P<array>\[\]) | @(?P<object_column>{_NAME}) (?:->(?P<objects>{_TABLE})\.(?P<objects_key>{_NAME}))? )?"
    rf"=(?P<category>{_NAME}) (?: :(?P<policy>unhook|delete|keep))?",
    re.VERBOSE,
)


class BadBinding(Exception):
    """What was given is no binding; the message says why."""


@dataclass(frozen=True)
class Told:
    """A binding as somebody wrote it, of tables that nobody looked at yet.

    table, objects: after a dot, of another schema. key: None: the primary key. object_column: of a link table only;
    objects, objects_key: the table of the objects that it links.
    """

    text: str
    table: str
    key: str | None
    column: str
    is_array: bool
    object_column: str | None
    objects: str | None
    objects_key: str | None
    category: int | None
    category_column: str | None
    policy: Policy


def parse(text: str) -> Told:
    """Raises BadBinding."""
    found = _BINDING.fullmatch(text)
    if found is None:
        raise BadBinding(f"{text!r} is no binding: it reads TABLE.COLUMN=CATEGORY, such as books.topic=17")
    part = found.groupdict()
    if part["key"] and part["object_column"]:
        raise BadBinding(f"{text!r}: a link table needs no key, its rows are known by object and value")
    if part["policy"] == "delete" and part["object_column"] and not part["objects"]:
        raise BadBinding(f"{text!r}: say what is to be deleted: {part['object_column']}->TABLE.KEY")
    is_number = part["category"].isascii() and part["category"].isdigit()
    if is_number and not 0 < int(part["category"]) <= MAX_ID:
        raise BadBinding(f"{text!r}: no category has the id {part['category']}")
    return Told(
        text,
        part["table"],
        part["key"],
        part["column"],
        part["array"] is not None,
        part["object_column"],
        part["objects"],
        part["objects_key"],
        int(part["category"]) if is_number else None,
        None if is_number else part["category"],
        cast(Policy, part["policy"] or "unhook"),
    )
