"""What a write to a job means: the merge, the references' rules, the lists, the pings."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ats_stub.domain.jobs import Job, check_complete, is_in, patched, pings, texts_of
from ats_stub.domain.references import Catalogue
from ats_stub.domain.values import Value
from catrelay.models import Category, JobWrite, Rules, UserName, UserRead
from catrelay.problems import (
    CategoryRuleBroken,
    ExternalIdImmutable,
    InvalidRequest,
    LimitExceeded,
    ReferenceBroken,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ORGS = 1
FIELDS = 2


class Forest:
    """Values 10 > 11 and 12 in the category FIELDS, 12 unavailable; 20 in the org tree."""

    _values = (
        Value(10, FIELDS, "IT"),
        Value(11, FIELDS, "Cloud", parent=10),
        Value(12, FIELDS, "Old", available=False),
        Value(13, FIELDS, "Law"),
        Value(20, ORGS, "North"),
    )

    def value(self, value_id: int) -> Value | None:
        return next((value for value in self._values if value.id == value_id), None)

    def children(self, value_id: int) -> Sequence[int]:
        return [value.id for value in self._values if value.parent == value_id]


def catalogue(**rules: bool) -> Catalogue:
    """FIELDS with the rules given, and the org tree without any."""
    free = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False)
    strict = free.model_copy(update=rules)
    return Catalogue(
        {
            ORGS: Category(id=ORGS, name="Orgs", job_rules=free, candidate_rules=free),
            FIELDS: Category(id=FIELDS, name="Fields", job_rules=strict, candidate_rules=free),
        },
        ORGS,
        Forest(),
    )


def job(**members: Any) -> Job:
    return Job(1, patched(None, members, catalogue()), NOW)


def fields(*values: int) -> dict[str, Any]:
    return {"categories": [{"category": FIELDS, "values": list(values)}]}


def test_members_stay_change_or_go() -> None:
    before = job(title="Old", code="C", availability={"availableInternally": True, "availableExternally": True})

    after = patched(before, {"title": "New", "code": None, "availability": {"availableExternally": None}}, catalogue())

    assert after.to_document() == {"title": "New", "availability": {"availableInternally": True}}


@pytest.mark.parametrize("patch", [{"manger": None}, {"availability": {"from": None}}, {"id": 1}])
def test_an_unknown_member_is_refused_even_as_null(patch: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        patched(job(), patch, catalogue())


def test_an_external_id_stays() -> None:
    known = job(externalId="a")

    assert patched(known, {"externalId": "a"}, catalogue()) == known.state
    for other in ("b", None):
        with pytest.raises(ExternalIdImmutable):
            patched(known, {"externalId": other}, catalogue())


def test_references_are_answered_in_order_and_once() -> None:
    categories = [{"category": FIELDS, "values": [13, 11]}, {"category": FIELDS, "values": [10, 13]}]

    assert job(categories=categories).state.to_document() == fields(10, 11, 13)
    assert "categories" not in job(**fields()).state.to_document()


@pytest.mark.parametrize(
    ("body", "rules", "rule"),
    [
        (fields(12), {}, None),
        (fields(20), {}, None),
        ({"org": 13}, {}, None),
        ({"categories": [{"category": ORGS, "values": [20]}]}, {}, None),
        ({"categories": [{"category": 3, "values": []}]}, {}, None),
        (fields(11, 13), {"can_multi_select": False}, "canMultiSelect"),
        (fields(10), {"leaf_selection_only": True}, "leafSelectionOnly"),
        ({}, {"mandatory": True}, "mandatory"),
        (fields(), {"mandatory": True}, "mandatory"),
    ],
)
def test_a_reference_that_does_not_hold_is_refused(
    body: dict[str, Any], rules: dict[str, bool], rule: str | None
) -> None:
    with pytest.raises(CategoryRuleBroken if rule else ReferenceBroken) as caught:
        check_complete(Job(1, patched(None, body, catalogue(**rules)), NOW), catalogue(**rules))

    assert caught.value.members.get("rule") == rule
    assert caught.value.errors


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (fields(11, 11), {"can_multi_select": False}),
        (fields(11, 13), {"leaf_selection_only": True}),
        ({"templateFlag": True}, {"mandatory": True}),
        ({"org": 20}, {}),
    ],
)
def test_a_reference_that_holds_is_taken(body: dict[str, Any], rules: dict[str, bool]) -> None:
    taken = Job(1, patched(None, body, catalogue(**rules)), NOW)

    check_complete(taken, catalogue(**rules))
    assert taken.state.to_document()


def test_what_is_there_already_may_stay() -> None:
    held = job(**fields(10, 13))

    assert patched(held, {"title": "x"}, catalogue(can_multi_select=False, leaf_selection_only=True)).title == "x"


def test_who_is_named_is_replaced_as_a_whole_and_known_by_id_or_external_id_alone() -> None:
    held = job(manager={"id": 5}, recruiter={"id": 6})

    other = patched(held, {"manager": {"externalId": "x", "person": {"no": "matter"}}, "recruiter": None}, catalogue())

    assert (other.manager, other.recruiter) == (UserName(external_id="x"), None)
    assert patched(held, {"title": "x"}, catalogue()).manager == UserName(id=5)


def test_items_are_bounded() -> None:
    text = {"type": "string", "name": "Why", "value": ""}

    with pytest.raises(LimitExceeded):
        job(items=[text] * 1_001)


def test_a_job_is_answered_with_its_users_as_they_are_now_and_addresses_of_its_files() -> None:
    file = {"fileName": "a.txt", "size": 1, "mediaType": "text/plain", "preSignedUri": "/files/byID/7/a.txt"}
    state = job(title="x", manager={"id": 5}, items=[{"type": "file", "name": "Letter", "value": file}]).state

    answered = Job(1, state, NOW).as_answered(
        {5: UserRead(id=5, external_id="boss")}, lambda file: file.model_copy(update={"pre_signed_uri": "signed"})
    )

    assert answered.to_document() == {
        "id": 1,
        "title": "x",
        "manager": {"id": 5, "externalId": "boss"},
        "items": [{"item": {"type": "file", "name": "Letter", "value": file | {"preSignedUri": "signed"}}}],
        "dateLastUpdated": "2026-11-22T09:00:00Z",
    }


def test_a_job_is_closed_from_the_moment_of_its_close_date() -> None:
    closing = job(
        status="active",
        availability={"availableExternally": True, "applicationCloseDates": {"closeDate": NOW.isoformat()}},
    ).state

    before = NOW - timedelta(microseconds=1)
    assert is_in("jobs/open", closing, before)
    assert is_in("jobs/open/externally", closing, before)
    assert not is_in("jobs/open", closing, NOW)
    assert not is_in("jobs/open/externally", closing, NOW)


PUBLIC = job(status="active", availability={"availableExternally": True}).state
INTERNAL = job(status="active").state
COMPLETE = job(status="complete").state
TEMPLATE = job(status="active", templateFlag=True).state


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, PUBLIC, {"jobs/open": "insert", "jobs/open/externally": "insert"}),
        (None, INTERNAL, {"jobs/open": "insert"}),
        (None, TEMPLATE, {}),
        (COMPLETE, COMPLETE, {}),
        (PUBLIC, PUBLIC, {"jobs/open": "update", "jobs/open/externally": "update"}),
        (PUBLIC, INTERNAL, {"jobs/open": "update", "jobs/open/externally": "delete"}),
        (INTERNAL, PUBLIC, {"jobs/open": "update", "jobs/open/externally": "insert"}),
        (PUBLIC, COMPLETE, {"jobs/open": "delete", "jobs/open/externally": "delete"}),
        (INTERNAL, TEMPLATE, {"jobs/open": "delete"}),
        (COMPLETE, INTERNAL, {"jobs/open": "insert"}),
    ],
)
def test_a_ping_says_what_happened_in_each_list_the_job_is_or_was_in(
    before: JobWrite | None, after: JobWrite, expected: dict[str, str]
) -> None:
    assert pings(before, after, NOW) == expected


def test_a_job_is_found_by_title_code_summary_and_description() -> None:
    state = job(title="a", code="b", shortSummary="c", description="d", company="e", accessCode="f").state

    assert texts_of(state) == ("a", "b", "c", "d")
