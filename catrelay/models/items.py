"""Items: further particulars of an object, of several types. Source: docs/contract/, "Items and files"."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from catrelay.models.files import FileDownload, FileUpload
from catrelay.models.wire import MAX_ID, Moment, Number, Text, Wire


class Callback(Wire):
    """Where a form asks what becomes of other elements when this one changes."""

    api_uri: Text
    method: Literal["GET", "POST"]
    form_event: Literal["onChange"] | None = None
    re_render_whole_page: bool | None = None
    payload_elements: tuple[Text, ...] | None = None
    auto_complete: bool | None = None


class _Element(Wire):
    element_id: Text | None = None
    callback: Callback | None = None
    name: Text


class BooleanItem(_Element):
    """Yes or no."""

    type: Literal["boolean"]
    value: bool


class StringItem(_Element):
    """Text."""

    type: Literal["string"]
    value: Text


class NumberItem(_Element):
    """An integer up to 2^53, or a fraction."""

    type: Literal["number"]
    value: Number


class DateItem(_Element):
    """A moment."""

    type: Literal["date"]
    value: Moment


class PicklistItem(_Element):
    """The choices that were made. id: deprecated in the public schema, and kept as it is sent."""

    type: Literal["picklist"]
    id: Annotated[int, Field(ge=-MAX_ID, le=MAX_ID)] | None = None
    value: tuple[Text, ...]
    selected_ids: tuple[Annotated[int, Field(ge=-MAX_ID, le=MAX_ID)], ...] | None = None


def _file_form(value: object) -> str:
    # Decided by one member, so that an error is about the form that is meant.
    answered = isinstance(value, FileDownload) or (isinstance(value, Mapping) and "preSignedUri" in value)
    return "answered" if answered else "upload"


class FileItemWrite(Wire):
    """A file that is handed in, or one that the object has already, as it was answered."""

    type: Literal["file"]
    name: Text
    value: Annotated[
        Annotated[FileUpload, Tag("upload")] | Annotated[FileDownload, Tag("answered")], Discriminator(_file_form)
    ]


class CascadeChoiceWrite(Wire):
    """A choice that is made, with the items that it unlocks."""

    choice: Text
    sub_items: tuple["ItemWrite", ...] | None = None


class CascadeItemWrite(_Element):
    """Choices that unlock further items."""

    type: Literal["cascade"]
    value: tuple[CascadeChoiceWrite, ...]


class TableItemWrite(Wire):
    """Rows of items."""

    type: Literal["table"]
    name: Text
    value: tuple[tuple["ItemWrite", ...], ...]


ItemWrite = Annotated[
    BooleanItem | StringItem | NumberItem | DateItem | FileItemWrite | CascadeItemWrite | PicklistItem | TableItemWrite,
    Field(discriminator="type"),
]


class ItemPackageWrite(Wire):
    """An item as it is answered, sent back. meta: not looked at."""

    meta: Any = None
    item: ItemWrite


_PACKAGE = {"item", "type"}


def _item_form(item: object) -> str:
    answered = isinstance(item, ItemPackageWrite) or (isinstance(item, Mapping) and item.keys() & _PACKAGE == {"item"})
    return "answered" if answered else "item"


ItemsWrite = tuple[
    Annotated[
        Annotated[ItemWrite, Tag("item")] | Annotated[ItemPackageWrite, Tag("answered")], Discriminator(_item_form)
    ],
    ...,
]


class FileItem(FileItemWrite):
    """A file, as answered."""

    value: FileDownload


class CascadeChoice(CascadeChoiceWrite):
    """A choice that was made, with the items that it unlocked."""

    sub_items: tuple["Item", ...] | None = None


class CascadeItem(CascadeItemWrite):
    """Choices that unlock further items, as answered."""

    value: tuple[CascadeChoice, ...]


class TableItem(TableItemWrite):
    """Rows of items, as answered."""

    value: tuple[tuple["Item", ...], ...]


Item = Annotated[
    BooleanItem | StringItem | NumberItem | DateItem | FileItem | CascadeItem | PicklistItem | TableItem,
    Field(discriminator="type"),
]


class ItemPackageRead(Wire):
    """An item as answered. meta: how a form presents it; our ATS has none, others may."""

    meta: dict[str, Any] | None = None
    item: Item | None = None


ItemPackagesRead = tuple[ItemPackageRead, ...]
