"""What hypothesis draws of items, and how they become JSON."""

import base64
from datetime import UTC
from typing import Any

import orjson
from hypothesis import strategies as st

from catrelay.models import FileUpload, ItemPackageWrite, ItemsWrite, ItemWrite
from catrelay.models.items import (
    BooleanItem,
    Callback,
    CascadeChoiceWrite,
    CascadeItemWrite,
    DateItem,
    FileItemWrite,
    NumberItem,
    PicklistItem,
    StringItem,
    TableItemWrite,
)
from tests.strategies import numbers, texts

MAX_INTEGER = 2**63 - 1


def as_json(document: Any) -> bytes:
    """A body."""
    return orjson.dumps(document)


moments = st.datetimes(timezones=st.just(UTC))
_callbacks = st.builds(
    Callback,
    apiUri=st.just("https://forms.example/ask"),  # by the name that hypothesis knows of what is required
    method=st.sampled_from(["GET", "POST"]),
    form_event=st.sampled_from([None, "onChange"]),
    re_render_whole_page=st.none() | st.booleans(),
    payload_elements=st.none() | st.lists(texts, max_size=2).map(tuple),
    auto_complete=st.none() | st.booleans(),
)
_integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
_element = {"name": texts, "element_id": st.none() | texts, "callback": st.none() | _callbacks}
_file_names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20).map(lambda name: f"{name}.txt")
uploads = st.builds(
    FileUpload,
    data=st.text(st.characters(categories=["L"]), max_size=5).map(lambda t: base64.b64encode(t.encode()).decode()),
    fileName=_file_names,
    via=texts,
)
_leaves: st.SearchStrategy[ItemWrite] = st.one_of(
    st.builds(BooleanItem, type=st.just("boolean"), value=st.booleans(), **_element),
    st.builds(StringItem, type=st.just("string"), value=texts, **_element),
    st.builds(NumberItem, type=st.just("number"), value=numbers, **_element),
    st.builds(DateItem, type=st.just("date"), value=moments, **_element),
    st.builds(FileItemWrite, type=st.just("file"), name=texts, value=uploads),
    st.builds(
        PicklistItem,
        type=st.just("picklist"),
        id=st.none() | _integers,
        value=st.lists(texts, max_size=3).map(tuple),
        selected_ids=st.none() | st.lists(_integers, max_size=2).map(tuple),
        **_element,
    ),
)


def _holding(items: st.SearchStrategy[ItemWrite]) -> st.SearchStrategy[ItemWrite]:
    several = st.lists(items, max_size=2).map(tuple)
    choices = st.builds(CascadeChoiceWrite, choice=texts, sub_items=st.none() | several)
    return st.builds(
        TableItemWrite, type=st.just("table"), name=texts, value=st.lists(several, max_size=2).map(tuple)
    ) | st.builds(CascadeItemWrite, type=st.just("cascade"), value=st.lists(choices, max_size=2).map(tuple), **_element)


items: st.SearchStrategy[ItemWrite] = st.recursive(_leaves, _holding, max_leaves=6)
"""An item of any type, as it is written."""


def items_written(max_size: int = 3) -> st.SearchStrategy[ItemsWrite]:
    """Items as a body has them, some in the package in which they are answered."""
    return st.lists(items | st.builds(ItemPackageWrite, meta=st.none(), item=items), max_size=max_size).map(tuple)
