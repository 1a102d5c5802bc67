"""What a write to a user means: the merge, the orgs' rules, the lists."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.references import Catalogue
from ats_stub.domain.users import User, UserList, is_in, patched
from ats_stub.domain.values import Value
from catrelay.models import Category, Rules
from catrelay.problems import (
    CategoryRuleBroken,
    ExternalIdImmutable,
    InvalidRequest,
    NullNotAllowed,
    UnavailableValue,
    UnknownCategory,
    UnknownValue,
)
from tests.people import users

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ORGS = 1


class Forest:
    """The org tree: 20 > 21, 22 unavailable, 23. And 30 in another category."""

    _values = (
        Value(20, ORGS, "North"),
        Value(21, ORGS, "Auckland", parent=20),
        Value(22, ORGS, "Old", available=False),
        Value(23, ORGS, "South"),
        Value(30, 2, "IT"),
    )

    def value(self, value_id: int) -> Value | None:
        return next((value for value in self._values if value.id == value_id), None)

    def children(self, value_id: int) -> Sequence[int]:
        return [value.id for value in self._values if value.parent == value_id]


def catalogue(**rules: bool) -> Catalogue:
    """The org tree with the rules given."""
    free = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False)
    orgs = Category(id=ORGS, name="Orgs", job_rules=free.model_copy(update=rules), candidate_rules=free)
    return Catalogue({ORGS: orgs}, ORGS, Forest(), orgs_member="orgs")


def user(**members: Any) -> User:
    return User(1, patched(None, members, catalogue()), NOW)


def answered(found: User) -> dict[str, Any]:
    return {
        name: member
        for name, member in found.as_answered().to_document().items()
        if name not in ("id", "dateLastUpdated")
    }


some_orgs = st.lists(st.sampled_from([20, 21, 23]), max_size=4)


@given(users(some_orgs | st.fixed_dictionaries({"category": st.just(ORGS), "values": some_orgs})))
def test_a_user_is_answered_as_sent_but_for_orgs_in_order_and_a_flag_that_is_always_there(sent: dict[str, Any]) -> None:
    found = answered(user(**sent))

    orgs = sent.get("orgs", [])
    expected = sent | {
        "activeFlag": sent.get("activeFlag", True),
        "orgs": sorted(set(orgs["values"] if isinstance(orgs, dict) else orgs)),
    }
    assert found == {name: member for name, member in expected.items() if name != "orgs" or member}


@given(
    users(some_orgs),
    users(some_orgs).map(lambda patch: {name: member for name, member in patch.items() if name != "externalId"}),
)
def test_a_patch_repeated_changes_nothing_more(sent: dict[str, Any], patch: dict[str, Any]) -> None:
    once = User(1, patched(user(**sent), patch, catalogue()), NOW)

    assert patched(once, patch, catalogue()) == once.state


def test_members_stay_change_or_go() -> None:
    before = user(
        person={"givenName": "Ann", "email": "a@example.com"},
        login={"entityID": "idp", "nameID": "ann"},
        manager={"grade": 1, "budget": {"own": 5, "team": 7}},
        recruiter={},
        orgs=[20],
    )

    patch = {
        "person": {"email": None},
        "login": {"nameID": "ann2"},
        "manager": {"grade": None, "budget": {"own": 6}},
        "recruiter": None,
        "orgs": {"category": ORGS, "values": [23, 21, 23]},
    }
    after = User(1, patched(before, patch, catalogue()), NOW)

    assert answered(after) == {
        "activeFlag": True,
        "person": {"givenName": "Ann"},
        "login": {"entityID": "idp", "nameID": "ann2"},
        "manager": {"budget": {"own": 6, "team": 7}},
        "orgs": [21, 23],
    }


@pytest.mark.parametrize(
    "patch",
    [
        {"login": {"nameID": None}},
        {"items": []},
        {"id": 7},
        {"dateLastUpdated": "2026-11-22T09:00:00Z"},
        {"orgs": {"values": [20]}},
        {"activeFlag": "true"},
    ],
)
def test_what_a_user_cannot_be_is_refused(patch: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        patched(user(login={"entityID": "idp", "nameID": "ann"}), patch, catalogue())


def test_an_external_id_stays_and_a_flag_is_never_cleared() -> None:
    known = user(externalId="a")

    assert patched(known, {"externalId": "a"}, catalogue()) == known.state
    assert patched(user(), {"externalId": "a"}, catalogue()).external_id == "a"
    for other in ("b", None):
        with pytest.raises(ExternalIdImmutable):
            patched(known, {"externalId": other}, catalogue())
    with pytest.raises(NullNotAllowed):
        patched(known, {"activeFlag": None}, catalogue())


@pytest.mark.parametrize(
    ("orgs", "problem", "pointer"),
    [
        ([20, 99], UnknownValue, "/orgs/1"),
        ([30], UnknownValue, "/orgs/0"),
        ([22], UnavailableValue, "/orgs/0"),
        ({"category": ORGS, "values": [20, 22]}, UnavailableValue, "/orgs/values/1"),
        ({"category": 2, "values": [30]}, UnknownCategory, "/orgs/category"),
    ],
)
def test_an_org_that_does_not_hold_is_refused_at_its_place(
    orgs: object, problem: type[Exception], pointer: str
) -> None:
    with pytest.raises(problem) as caught:
        user(orgs=orgs)

    assert [error.pointer for error in getattr(caught.value, "errors", ())] == [pointer]


@pytest.mark.parametrize(
    ("orgs", "rules", "rule", "pointer"),
    [
        ([20, 23], {"can_multi_select": False}, "canMultiSelect", "/orgs/1"),
        ([20], {"leaf_selection_only": True}, "leafSelectionOnly", "/orgs/0"),
        (None, {"mandatory": True}, "mandatory", "/orgs"),
        ([], {"mandatory": True}, "mandatory", "/orgs"),
    ],
)
def test_the_org_trees_rules_hold_for_users(orgs: object, rules: dict[str, bool], rule: str, pointer: str) -> None:
    with pytest.raises(CategoryRuleBroken) as caught:
        patched(None, {"orgs": orgs}, catalogue(**rules))

    assert caught.value.members["rule"] == rule
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_orgs_that_are_there_already_may_stay_but_a_mandatory_one_must_come() -> None:
    held = user(orgs=[20, 23])

    strict = catalogue(can_multi_select=False, leaf_selection_only=True)
    assert patched(held, {"activeFlag": False}, strict).orgs == (20, 23)
    assert patched(user(), {}, catalogue(mandatory=True)) == user().state
    with pytest.raises(CategoryRuleBroken):
        patched(user(), {"activeFlag": False}, catalogue(mandatory=True))


@pytest.mark.parametrize(
    ("members", "lists"),
    [
        ({}, {"users", "users/active"}),
        ({"activeFlag": False, "manager": {}, "recruiter": {}}, {"users"}),
        ({"manager": {}}, {"users", "users/active", "users/active/managers"}),
        ({"recruiter": {"a": 1}}, {"users", "users/active", "users/active/recruiters"}),
    ],
)
def test_a_user_is_in_the_lists_that_its_members_say(members: dict[str, Any], lists: set[UserList]) -> None:
    every: tuple[UserList, ...] = ("users", "users/active", "users/active/managers", "users/active/recruiters")

    assert {which for which in every if is_in(which, user(**members).state)} == lists
