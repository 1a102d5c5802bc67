"""Which object of the target each object of the source is."""

from catrelay.exchange.matching import match_categories, match_values
from catrelay.exchange.nodes import Node
from catrelay.exchange.records import Records, keys_of
from catrelay.models import Category, Rules

RULES = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False)


def category(id_: int, name: str, code: str | None = None, *, is_location: bool = False) -> Category:
    return Category(
        id=id_, key="LOCATION" if is_location else None, name=name, code=code, job_rules=RULES, candidate_rules=RULES
    )


def by_id(*nodes: Node) -> dict[int, Node]:
    return {node.id: node for node in nodes}


def test_categories_are_matched_by_key_then_code_then_name() -> None:
    source = [
        category(1, "Orte", is_location=True),
        category(2, "Skills", "SK"),
        category(3, "Source"),
        category(4, "New"),
    ]
    target = [category(11, "Source", "SK"), category(12, "Skills"), category(13, "Places", is_location=True)]

    assert match_categories(source, target, {}) == {1: 13, 2: 11}
    assert match_categories(source, target, {3: 11}) == {1: 13, 2: 12, 3: 11}


def test_a_location_category_is_no_other_of_the_same_name() -> None:
    assert match_categories([category(1, "Places")], [category(11, "Places", is_location=True)], {}) == {}


def test_values_are_matched_by_external_id_then_code_then_name_and_place() -> None:
    source = by_id(
        Node(1, True, "a", external_id="x", code="A"),
        Node(2, True, "b", code="A"),
        Node(3, True, "c", parent=2),
        Node(4, True, "c"),
    )
    target = by_id(
        Node(11, True, "renamed", external_id="x"),
        Node(12, True, "moved", code="A"),
        Node(13, True, "c", parent=12),
        Node(14, True, "c", parent=11),
    )

    assert match_values(source, target, {}) == {1: 11, 2: 12, 3: 13}


def test_values_with_other_external_ids_are_others() -> None:
    source = by_id(Node(1, True, "a", external_id="x", code="A"))
    target = by_id(Node(11, True, "a", external_id="y", code="A"))

    assert match_values(source, target, {1: 11}) == {}


def test_of_several_values_with_a_code_those_that_are_alike_go_together() -> None:
    source = by_id(Node(1, False, "old", code="A"), Node(2, True, "new", code="A"))
    target = by_id(Node(11, True, "new", code="A"), Node(12, False, "gone", code="A"))

    assert match_values(source, target, {}) == {1: 12, 2: 11}


def test_objects_are_matched_by_keys_that_one_object_on_each_side_has() -> None:
    records = Records(None)
    jobs = [
        {"id": 1, "externalId": "x"},
        {"id": 2, "code": "A", "status": "active"},
        {"id": 3, "code": "A", "status": "complete"},
        {"id": 4, "code": "B", "externalId": "y"},
        {"id": 5, "code": "C"},
        {"id": 6, "code": "C"},
    ]
    there = [
        {"id": 11, "code": "A", "status": "active"},
        {"id": 12, "externalId": "x"},
        {"id": 13, "code": "B", "externalId": "z"},
        {"id": 14, "code": "C"},
    ]
    records.note_wanted(("job", int(str(job["id"])), None, 0, keys_of("job", job)) for job in jobs)
    records.note_present("job", there)

    records.match_objects("job")

    assert records.targets("job") == {1: 12, 2: 11}
    records.close()


def test_users_are_matched_by_external_id_login_and_email() -> None:
    records = Records(None)
    ada = {"id": 1, "login": {"entityID": "idp", "nameID": "ada"}, "person": {"email": "ada@example.com"}}
    grace = {"id": 2, "person": {"email": "grace@example.com"}}
    there = [{**grace, "id": 11}, {**ada, "id": 12, "person": {}}, {"id": 13, "person": {"email": "ada@example.com"}}]
    records.note_wanted(("user", int(str(user["id"])), None, 0, keys_of("user", user)) for user in (ada, grace))
    records.note_present("user", there)

    records.match_objects("user")

    assert records.targets("user") == {1: 12, 2: 11}
    records.close()
