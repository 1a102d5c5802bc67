"""Items on their way from a body to an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.items import MAX_ITEM_DEPTH, MAX_ITEMS, check_bounds, files_in, packed, unpacked, with_files
from catrelay.models import FileDownload, FileUpload, ItemsWrite, ItemWrite
from catrelay.models.items import CascadeChoiceWrite, CascadeItemWrite, FileItemWrite, StringItem, TableItemWrite
from catrelay.problems import LimitExceeded
from tests.items import items_written
from tests.jobs import without_files

TEXT = StringItem(type="string", name="Why", value="because")


def file_at(pointer: str) -> FileDownload:
    return FileDownload(file_name="a.txt", media_type="text/plain", size=1, pre_signed_uri=pointer)


def replaced_by_its_pointer(file: FileUpload | FileDownload, pointer: str) -> FileDownload:
    return file_at(pointer)


def table(*items: ItemWrite) -> ItemWrite:
    return TableItemWrite(type="table", name="Rows", value=((), items))


def cascade(*items: ItemWrite) -> ItemWrite:
    choices = (CascadeChoiceWrite(choice="no"), CascadeChoiceWrite(choice="yes", sub_items=items))
    return CascadeItemWrite(type="cascade", name="Kind", value=choices)


def test_files_are_replaced_wherever_they_are_and_told_their_place() -> None:
    upload = FileUpload(data="", file_name="a.txt", via="device")
    file = FileItemWrite(type="file", name="Letter", value=upload)

    stored = with_files([TEXT, file, table(TEXT, cascade(file)), cascade()], replaced_by_its_pointer)

    assert [f.pre_signed_uri for f in files_in(stored)] == [
        "/items/1/value",
        "/items/2/value/1/1/value/1/subItems/0/value",
    ]
    assert stored[0] == TEXT


@given(items_written())
def test_nothing_but_the_files_changes_on_the_way(items: ItemsWrite) -> None:
    written = unpacked(items)

    stored = with_files(written, replaced_by_its_pointer)

    assert with_files(stored, replaced_by_its_pointer) == stored
    answered = [package.item.to_document() for package in packed(stored) or () if package.item is not None]
    assert [without_files(item) for item in answered] == [without_files(item.to_document()) for item in written]


def test_no_items_are_answered_as_none() -> None:
    assert packed(None) is None
    assert packed(()) is None
    assert unpacked(None) == ()


@pytest.mark.parametrize("within", [table, cascade])
def test_items_are_bounded_in_depth(within: object) -> None:
    item = TEXT
    for _ in range(MAX_ITEM_DEPTH - 1):
        item = within(item)  # type: ignore[operator]
    check_bounds([item], "/items")

    with pytest.raises(LimitExceeded):
        check_bounds([table(item)], "/items")


@given(st.integers(0, 5))
def test_items_are_bounded_in_number_those_within_others_included(inner: int) -> None:
    check_bounds([*[TEXT] * (MAX_ITEMS - inner - 1), table(*[TEXT] * inner)], "/items")

    with pytest.raises(LimitExceeded):
        check_bounds([*[TEXT] * (MAX_ITEMS - inner), table(*[TEXT] * inner)], "/items")
