"""Items as JSON: every type, and where in a body an error is."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from catrelay.models import ItemPackageRead, ItemsWrite, Wire
from catrelay.parsing import parse_body
from catrelay.problems import InvalidRequest
from tests.items import as_json


class Form(Wire):
    """What has items."""

    items: ItemsWrite | None = None


UPLOAD = {"data": "aGVsbG8=", "fileName": "hello.txt", "via": "device"}
ANSWERED = {"fileName": "hello.txt", "size": 5, "mediaType": "text/plain", "preSignedUri": "https://ats.example/1"}
TEXT = {"type": "string", "name": "Why", "value": "because"}
PLAIN = [
    {"type": "boolean", "name": "Remote", "value": False, "elementId": "e1"},
    TEXT
    | {
        "callback": {
            "apiUri": "https://forms.example/why",
            "method": "GET",
            "formEvent": "onChange",
            "reRenderWholePage": True,
            "payloadElements": ["e1"],
            "autoComplete": False,
        }
    },
    {"type": "number", "name": "Hours", "value": 37.5},
    {"type": "date", "name": "Start", "value": "2026-11-22T09:00:00Z"},
    {"type": "picklist", "id": 3, "name": "Perks", "value": ["car", "gym"], "selectedIds": [7, 9]},
]


def nested(*items: object) -> list[dict[str, Any]]:
    """The items in a table in a cascade."""
    table = {"type": "table", "name": "Rows", "value": [list(items), []]}
    return [{"type": "cascade", "name": "Kind", "value": [{"choice": "yes", "subItems": [table]}, {"choice": "no"}]}]


@pytest.mark.parametrize("file", [UPLOAD, ANSWERED])
def test_items_of_every_type_are_read_as_sent(file: dict[str, Any]) -> None:
    items = [*PLAIN, {"type": "file", "name": "Letter", "value": file}]
    sent = {"items": [*items, *nested(*items)]}

    assert parse_body(as_json(sent), Form).to_document() == sent


@pytest.mark.parametrize("item", [*PLAIN, {"type": "file", "name": "Letter", "value": ANSWERED}, *nested(*PLAIN)])
def test_an_item_as_it_is_answered_is_read_within_its_package(item: dict[str, Any]) -> None:
    package = {"meta": {"type": "section", "subMetas": []}, "item": item}

    assert parse_body(as_json({"items": [package]}), Form).to_document() == {"items": [package]}
    assert TypeAdapter(ItemPackageRead).validate_json(as_json(package)).to_document() == package


@pytest.mark.parametrize(
    ("item", "pointers"),
    [
        (3, {""}),
        ({}, {""}),
        ({"type": "colour", "name": "x", "value": "red"}, {""}),
        ({"type": "boolean"}, {"/name", "/value"}),
        ({"type": "boolean", "name": "x", "value": "true"}, {"/value"}),
        ({"type": "string", "name": "x", "value": "a\x00b"}, {"/value"}),
        ({"type": "number", "name": "x", "value": 2**53 + 1}, {"/value"}),
        ({"type": "date", "name": "x", "value": "2026-11-22"}, {"/value"}),
        ({"type": "picklist", "name": "x", "value": ["a", 1]}, {"/value/1"}),
        ({"type": "table", "name": "x", "value": [TEXT]}, {"/value/0"}),
        ({"type": "table", "name": "x", "value": [], "elementId": "e"}, {"/elementId"}),
        ({"type": "cascade", "name": "x", "value": [{"subItems": [TEXT | {"name": 1}]}]}, {
            "/value/0/choice",
            "/value/0/subItems/0/name",
        }),
        ({"type": "file", "name": "x", "value": UPLOAD | {"size": 5}}, {"/value/size"}),
        ({"type": "file", "name": "x", "value": {"data": 1, "via": "device"}}, {"/value/data", "/value/fileName"}),
        ({"type": "file", "name": "x", "value": ANSWERED | {"mediaType": "image/webp"}}, {"/value/mediaType"}),
        ({"item": TEXT, "more": 1}, {"/more"}),
        ({"item": TEXT | {"value": 1}}, {"/item/value"}),
    ],
)  # fmt: skip
def test_what_is_wrong_in_an_item_is_said_by_pointer(item: object, pointers: set[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_body(as_json({"items": [TEXT, item]}), Form)

    assert {error.pointer for error in refused.value.errors} == {f"/items/1{pointer}" for pointer in pointers}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b.txt", "C:\\a.txt", "a\nb.txt", "x" * 256])
def test_a_file_is_named_without_a_path(name: str) -> None:
    upload = {"type": "file", "name": "x", "value": UPLOAD | {"fileName": name}}

    with pytest.raises(InvalidRequest) as refused:
        parse_body(as_json({"items": [upload]}), Form)

    assert [error.pointer for error in refused.value.errors] == ["/items/0/value/fileName"]
