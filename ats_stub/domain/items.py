"""Items of objects: from what is written to what is stored, and from that to what is answered.

They are stored as they are answered, but that the `preSignedUri` of a file is its path until it is answered
(`ats_stub.domain.files.path_of`). Source: docs/contract/, "Items and files".
"""

from collections.abc import Callable, Iterator, Sequence

from catrelay.models import (
    CascadeChoice,
    CascadeItem,
    FileDownload,
    FileItem,
    FileUpload,
    Item,
    ItemPackageRead,
    ItemPackageWrite,
    ItemsWrite,
    ItemWrite,
    TableItem,
)
from catrelay.models.items import CascadeItemWrite, FileItemWrite, TableItemWrite
from catrelay.problems import FieldError, LimitExceeded

MAX_ITEMS = 1_000
"""Items of one object, those within others included."""
MAX_ITEM_DEPTH = 10

Items = tuple[Item, ...]
ReplaceFile = Callable[[FileUpload | FileDownload, str], FileDownload]
"""What stands in the place of a file that is written or stored. Takes the file and its pointer."""

SignFile = Callable[[FileDownload], FileDownload]


def unpacked(items: ItemsWrite | None) -> tuple[ItemWrite, ...]:
    """The items of a body, those that came as they are answered out of their packages."""
    return tuple(item.item if isinstance(item, ItemPackageWrite) else item for item in items or ())


def packed(items: Items | None) -> tuple[ItemPackageRead, ...] | None:
    """The items as answered; None when there are none. This ATS has no metas."""
    return tuple(ItemPackageRead(item=item) for item in items) if items else None


def as_stored(items: ItemsWrite | None) -> Items | None:
    """Items that were read from where they are stored; None when there are none."""
    return with_files(unpacked(items), lambda file, _: _kept(file)) or None


def as_answered(items: ItemsWrite | None, signed: SignFile) -> tuple[ItemPackageRead, ...] | None:
    """Stored items as answered; None when there are none. signed: gives a file an address that holds for a while."""
    return packed(with_files(unpacked(items), lambda file, _: signed(_kept(file))))


def check_bounds(items: Sequence[ItemWrite], pointer: str) -> None:
    """Raise LimitExceeded when there are too many items, or too deep within each other."""
    for count, (place, _, depth) in enumerate(_walk(items, pointer, 1), start=1):
        if depth > MAX_ITEM_DEPTH:
            raise LimitExceeded(
                f"Items stand within each other at most {MAX_ITEM_DEPTH} deep",
                errors=[FieldError(place, "is too deep")],
            )
        if count > MAX_ITEMS:
            raise LimitExceeded(
                f"An object has at most {MAX_ITEMS} items", errors=[FieldError(pointer, "has too many items")]
            )


def with_files(items: Sequence[ItemWrite], replace: ReplaceFile, pointer: str = "/items") -> Items:
    """The items with each file replaced. pointer: of the array that they are."""
    return tuple(_with_files(item, replace, f"{pointer}/{index}") for index, item in enumerate(items))


def files_in(items: Sequence[ItemWrite]) -> Iterator[FileDownload]:
    """The files that stored items hold, wherever they are."""
    for _, item, _ in _walk(items, "", 1):
        if isinstance(item, FileItemWrite) and isinstance(item.value, FileDownload):
            yield item.value


def _kept(file: FileUpload | FileDownload) -> FileDownload:
    assert isinstance(file, FileDownload), "no upload is stored"
    return file


def _with_files(item: ItemWrite, replace: ReplaceFile, pointer: str) -> Item:
    value = f"{pointer}/value"
    match item:
        case FileItemWrite():
            return FileItem(type="file", name=item.name, value=replace(item.value, value))
        case TableItemWrite():
            rows = tuple(with_files(row, replace, f"{value}/{index}") for index, row in enumerate(item.value))
            return TableItem(type="table", name=item.name, value=rows)
        case CascadeItemWrite():
            choices = tuple(
                CascadeChoice(
                    choice=choice.choice,
                    sub_items=None
                    if choice.sub_items is None
                    else with_files(choice.sub_items, replace, f"{value}/{index}/subItems"),
                )
                for index, choice in enumerate(item.value)
            )
            return CascadeItem(
                type="cascade", name=item.name, element_id=item.element_id, callback=item.callback, value=choices
            )
    return item


def _walk(items: Sequence[ItemWrite], pointer: str, depth: int) -> Iterator[tuple[str, ItemWrite, int]]:
    """All items with their pointers and depths, an item before those within it."""
    for index, item in enumerate(items):
        place = f"{pointer}/{index}"
        yield place, item, depth
        if isinstance(item, TableItemWrite):
            for row, cells in enumerate(item.value):
                yield from _walk(cells, f"{place}/value/{row}", depth + 1)
        elif isinstance(item, CascadeItemWrite):
            for number, choice in enumerate(item.value):
                yield from _walk(choice.sub_items or (), f"{place}/value/{number}/subItems", depth + 1)
