from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from catrelay import models
from catrelay.asgi import parse_body
from catrelay.models import (
    BatchedPing,
    Categories,
    Category,
    CategoryValue,
    CategoryValues,
    CategoryValueWrite,
    Change,
    JobRead,
    JournalEntry,
    PingBatch,
    PlanItem,
    Rules,
    UploadPlan,
    Wire,
    answer_schema,
)
from tests.answers import AnswerValidator
from tests.strategies import nodes


@given(nodes)
def test_a_value_comes_back_from_its_json(value: CategoryValue) -> None:
    assert parse_body(value.to_json(), CategoryValue) == value


@given(st.lists(nodes, max_size=3))
def test_a_tree_is_valid_against_its_schema_and_has_no_null(values: list[CategoryValue]) -> None:
    tree = [value.model_copy(update={"values": tuple(values)}) for value in values]

    AnswerValidator().check("GET", "/categories/byID/17/values", 200, [value.to_document() for value in tree])


def test_members_are_camel_case_on_the_wire() -> None:
    entry = JournalEntry(
        seq=23, category=17, id=1001, operation="remap", remapped_to=1003, at=datetime(2026, 11, 22, 9, tzinfo=UTC)
    )

    assert entry.to_document() == {
        "seq": 23,
        "category": 17,
        "id": 1001,
        "operation": "remap",
        "remappedTo": 1003,
        "at": "2026-11-22T09:00:00Z",
    }


def test_a_patch_keeps_what_was_given_nulls_included() -> None:
    patch = parse_body(b'{"id": 1001, "code": null, "parent": null}', CategoryValueWrite)

    assert patch.to_patch() == {"id": 1001, "code": None, "parent": None}


def test_the_documents_own_spelling_of_external_id_is_read_and_never_written() -> None:
    value = parse_body(b'{"externalID": "x"}', CategoryValueWrite)

    assert value.to_document() == {"externalId": "x"}


@pytest.mark.parametrize(
    ("given_at", "in_utc"),
    [
        ("2026-11-22T22:00:00+13:00", "2026-11-22T09:00:00Z"),
        ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z"),
        ("2026-11-22T09:00:00.250Z", "2026-11-22T09:00:00.250000Z"),
    ],
)
def test_moments_are_answered_in_utc(given_at: str, in_utc: str) -> None:
    job = parse_body(f'{{"id": 1, "dateLastUpdated": "{given_at}"}}'.encode(), JobRead)

    assert job.to_document()["dateLastUpdated"] == in_utc


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-22T09:00:00",
        "2026-11-22",
        "yesterday",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1767225600",
        "",
    ],
)
def test_a_moment_without_a_zone_or_outside_the_calendar_is_refused(moment: str) -> None:
    with pytest.raises(ValidationError):
        JobRead.model_validate_json(f'{{"id": 1, "dateLastUpdated": "{moment}"}}')


def test_a_change_names_what_was_and_what_will_be() -> None:
    item = PlanItem(operation="update", id=20045, changes={"name": Change(from_="Newtown", to="Brooklyn")})

    assert item.to_document() == {
        "operation": "update",
        "id": 20045,
        "changes": {"name": {"from": "Newtown", "to": "Brooklyn"}},
    }


def test_the_id_of_an_upload_is_spelled_as_the_documented_api_does() -> None:
    assert "uploadID" in answer_schema(UploadPlan)["properties"]


def test_a_batch_holds_at_most_a_thousand_pings() -> None:
    ping = BatchedPing(path="/categories/deltaPings")
    PingBatch(pings=(ping,) * models.MAX_BATCH_PINGS)

    with pytest.raises(ValidationError):
        PingBatch(pings=(ping,) * (models.MAX_BATCH_PINGS + 1))


def test_a_list_has_the_same_json_as_its_items() -> None:
    rules = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False)
    category = Category(id=7, name="Location", key="LOCATION", job_rules=rules, candidate_rules=rules)

    assert Categories((category,)).model_dump(mode="json", by_alias=True, exclude_none=True) == [category.to_document()]
    assert CategoryValues(()).model_dump_json() == "[]"


def every_model() -> list[Any]:
    found = [member for name in models.__all__ if isinstance(member := getattr(models, name), type)]
    return [pytest.param(model, id=model.__name__) for model in found if issubclass(model, Wire) and model is not Wire]


@pytest.mark.parametrize("model", every_model())
def test_no_answer_may_hold_null(model: type[Wire]) -> None:
    def types(schema: object) -> list[object]:
        if isinstance(schema, dict):
            return [schema.get("type"), *(kind for member in schema.values() for kind in types(member))]
        return [kind for item in schema for kind in types(item)] if isinstance(schema, list) else []

    assert "null" not in types(answer_schema(model))


@pytest.mark.parametrize("model", every_model())
def test_a_model_cannot_be_changed_and_takes_nothing_unknown(model: type[Wire]) -> None:
    assert model.model_config.get("frozen")
    # Who a job names may be sent back as it was answered; nothing but the name is looked at.
    assert model.model_config.get("extra") == ("ignore" if model is models.UserName else "forbid")
