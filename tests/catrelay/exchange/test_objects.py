"""Objects with the target's ids, and what of an object has to be written."""

from typing import Any

import pytest

from catrelay.exchange.lines import Line
from catrelay.exchange.objects import Untranslatable, Wanted, patch, wanted

Document = dict[str, Any]
FILE = {"fileName": "ada.pdf", "mediaType": "application/pdf", "size": 9, "md5": "f00"}
UPLOAD = {"data": "JVBERi0xLjcK", "fileName": "ada.pdf", "via": "device"}


class Ids:
    """Ids that are a hundred more in the target; the value 3 is gone, and 4 could not be imported."""

    def category(self, category: int) -> int | None:
        return None if category == 99 else category + 100

    def value(self, value: int) -> int | None:
        if value == 4:
            raise Untranslatable("it refers to the value 4, which could not be imported")
        return None if value == 3 else value + 100

    def user(self, user: int) -> int:
        return user + 100


def job(**members: Any) -> Wanted:
    return wanted(Line("job", {"id": 1, "dateLastUpdated": "2026-11-22T09:00:00Z", **members}), Ids())


def test_all_ids_are_the_targets_and_what_the_ats_gives_is_left_out() -> None:
    categories = [{"category": 7, "values": [2, 1]}, {"category": 99, "values": [5]}]

    found = job(title="Analyst", org=6, manager={"id": 8, "person": {}}, categories=categories)

    assert found.body == {
        "title": "Analyst",
        "org": 106,
        "manager": {"id": 108},
        "categories": [{"category": 107, "values": [101, 102]}],
    }


def test_references_to_what_is_gone_are_dropped_and_to_what_failed_are_refused() -> None:
    assert job(title="x", org=3, categories=[{"category": 7, "values": [3]}]).body == {"title": "x"}

    with pytest.raises(Untranslatable, match="value 4"):
        job(categories=[{"category": 7, "values": [4]}])


def test_nothing_is_written_to_an_object_that_is_the_same() -> None:
    present = {
        "id": 201,
        "title": "Analyst",
        "categories": [{"category": 107, "values": [102, 101]}, {"category": 300, "values": [9]}],
        "manager": {"id": 108, "person": {"givenName": "Grace"}},
        "shortSummary": "of the target",
    }

    same = job(title="Analyst", manager={"id": 8}, categories=[{"category": 7, "values": [1, 2]}])

    assert patch(same, present, {107}) == {}


def test_references_in_categories_of_the_targets_own_stay() -> None:
    present = {"title": "x", "categories": [{"category": 107, "values": [101]}, {"category": 300, "values": [9]}]}

    moved = patch(job(title="x", categories=[{"category": 7, "values": [2]}]), present, {107})
    none = patch(job(title="x"), present, {107})

    assert moved == {"categories": [{"category": 107, "values": [102]}, {"category": 300, "values": [9]}]}
    assert none == {"categories": [{"category": 300, "values": [9]}]}


def test_an_external_id_is_taken_and_never_changed() -> None:
    assert patch(job(title="x", externalId="a"), {"title": "x"}, set()) == {"externalId": "a"}
    assert patch(job(title="x", externalId="a"), {"title": "x", "externalId": "b"}, set()) == {}


def test_files_are_compared_by_content_and_sent_whole() -> None:
    note = {"item": {"type": "file", "name": "note", "value": FILE}}
    files = {"/resumeMeta": UPLOAD, "/items/0/item/value": UPLOAD}
    line = Line("candidate", {"id": 1, "resumeMeta": FILE, "items": [note]}, files=files)
    there = {**FILE, "dateUploaded": "2026-11-22T09:00:00Z", "preSignedUri": "http://x"}
    present: Document = {"resumeMeta": there, "items": [{"item": {"type": "file", "name": "note", "value": there}}]}

    found = wanted(line, Ids())

    assert found.body == {"resume": UPLOAD, "items": [{"type": "file", "name": "note", "value": UPLOAD}]}
    assert patch(found, present, set()) == {}
    assert patch(found, {**present, "resumeMeta": {**there, "md5": "other"}}, set()) == {"resume": UPLOAD}


def test_a_user_is_made_active_and_without_what_can_only_be_read() -> None:
    user = Line("user", {"id": 1, "activeFlag": False, "orgs": [2, 3], "items": [], "manager": {}})

    assert wanted(user, Ids()).body == {"orgs": [102], "manager": {}}
