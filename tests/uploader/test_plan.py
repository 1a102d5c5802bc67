"""Plans: what is planned for a tree wanted and a tree present, its guard and its suggestions."""

import pytest

from catrelay.models import CategoryValue, CategoryValuesUpload, Location, Suggestion, SuggestionTarget
from catrelay.problems import UploadMappingAmbiguous
from tests.uploader.ats_rules import AtsRules
from tests.uploader.ats_standin import body
from tests.uploader.conftest import city
from uploader.domain.guard import GuardLimits, judge, tripped
from uploader.domain.mapping import Earlier
from uploader.domain.plan import Plan, make_plan
from uploader.domain.present import Present
from uploader.domain.steps import waves
from uploader.domain.suggestions import MAX_COMPARISONS, suggest
from uploader.domain.wanted import wanted_nodes

LIMITS = GuardLimits(share=0.2, floor=10, count=500)


def plan(rules: AtsRules, *nodes: object, earlier: Earlier | None = None) -> Plan:
    upload = CategoryValuesUpload.model_validate(body(*nodes), strict=False)
    return make_plan(wanted_nodes(upload, max_depth=50), rules.present(), earlier)


def flat(*names: str) -> AtsRules:
    return AtsRules({id_: CategoryValue(id=id_, available=True, name=name) for id_, name in enumerate(names, start=1)})


def problems(found: Plan) -> dict[str, str]:
    return {action.key: action.problem.type for action in found.actions if action.problem is not None}


def members(found: Plan) -> list[list[dict[str, object]]]:
    return [[dict(step.members) for step in wave] for wave in waves(found)]


def test_members_that_are_not_given_stay() -> None:
    rules = AtsRules({1: CategoryValue(id=1, available=True, name="A", code="a", sequence=1, external_id="x")})

    assert plan(rules, {"id": 1, "sequence": 1.0, "name": "A"}).actions == []
    assert members(plan(rules, {"id": 1, "code": None})) == [[{"id": 1, "code": None}]]


def test_a_location_is_merged_before_it_is_compared() -> None:
    place = Location(lat=1, lng=2, country="NZ")
    rules = AtsRules({1: CategoryValue(id=1, available=True, name="A", location=place)})

    assert plan(rules, {"id": 1, "location": {"lat": 1.0}}).actions == []
    (action,) = plan(rules, {"id": 1, "location": {"lat": 3, "country": None}}).actions
    assert action.changes["location"].to == {"lat": 3, "lng": 2}
    (action,) = plan(rules, {"id": 1, "location": None}).actions
    assert action.item().to_document()["changes"] == {"location": {"from": {"lat": 1, "lng": 2, "country": "NZ"}}}


def test_a_parent_and_its_child_change_places_from_the_top() -> None:
    found = plan(city(), {"id": 2, "values": [{"id": 1, "values": [{"id": 3}]}]})

    assert [[(step.members["id"], step.parent) for step in wave] for wave in waves(found)] == [
        [(2, None)],
        [(1, 0)],
    ]


def test_a_move_under_a_new_value_shows_where_it_will_be() -> None:
    found = plan(city(), {"id": 1, "values": [{"id": 2}]}, {"name": "New", "values": [{"id": 3}]})

    assert [action.item().to_document() for action in found.actions][1]["changes"] == {
        "parent": {"from": 1, "to": {"pointer": "/categoryValues/1"}}
    }


def test_a_value_becomes_a_place_once_its_children_have_gone() -> None:
    found = plan(city(), {"id": 1, "name": "A", "location": {"lat": 1, "lng": 2}}, {"id": 2})

    assert members(found) == [
        [{"id": 1, "name": "A"}, {"id": 2}],
        [{"id": 3, "available": False}],
        [{"id": 1, "location": Location(lat=1, lng=2)}],
    ]


def test_a_value_stays_while_one_that_fails_stands_under_it() -> None:
    found = plan(city(), {"id": 3, "externalId": "kum"}, {"id": 2})

    assert problems(found) == {"/categoryValues/0": "external-id-taken", "id:1": "value-has-children"}


@pytest.mark.parametrize(
    ("target", "problem"),
    [(98, "unknown-remap-target"), (4, "remap-target-unavailable"), (3, "remap-target-unavailable")],
)
def test_a_remap_needs_a_target_that_will_be_available(target: int, problem: str) -> None:
    found = plan(city(), {"id": 1}, {"id": 2, "available": False, "remappedTo": target})

    assert problems(found) == {"/categoryValues/1": problem}


def test_a_remap_to_a_value_that_is_itself_remapped_goes_to_the_end() -> None:
    two, three = ({"id": 2, "available": False, "remappedTo": 3}, {"id": 3, "available": False, "remappedTo": 1})

    assert [action.remapped_to for action in plan(city(), {"id": 1}, two, three).actions] == [1, 1]


def test_remaps_in_a_circle_fail() -> None:
    two, three = ({"id": 2, "available": False, "remappedTo": 3}, {"id": 3, "available": False, "remappedTo": 2})

    found = plan(city(), {"id": 1}, two, three)

    assert set(problems(found).values()) == {"remap-target-unavailable"}


def test_a_value_that_is_unavailable_already_cannot_be_remapped_elsewhere() -> None:
    found = plan(city(), {"id": 1, "values": [{"id": 2}, {"id": 3}]}, {"id": 4, "available": False, "remappedTo": 1})

    assert problems(found) == {"/categoryValues/1": "remap-without-inactivation"}


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        ({"externalId": "none"}, "name-required"),
        ({"id": 98, "available": False}, "not-found"),
        ({"id": 98, "available": False, "remappedTo": 1}, "not-found"),
        ({"externalId": "none", "available": False, "remappedTo": 1}, "not-found"),
        ({"id": 4, "externalId": None}, "null-not-allowed"),
        ({"id": 4, "externalId": "other"}, "external-id-mismatch"),
    ],
)
def test_a_node_that_cannot_be_what_it_says_fails(node: dict[str, object], problem: str) -> None:
    found = plan(city(), {"id": 1, "values": [{"id": 2}, {"id": 3}]}, node)

    assert problems(found) == {"/categoryValues/1": problem}


def test_a_parent_that_only_the_mapping_proves_wrong_fails_its_node() -> None:
    found = plan(city(), {"externalId": "akl", "values": [{"id": 2, "parent": 9}, {"id": 3, "parent": 1}]})

    assert problems(found) == {"/categoryValues/0/values/0": "invalid-request"}


def test_a_null_external_id_means_nothing_where_there_is_none() -> None:
    assert plan(flat("A"), {"id": 1, "externalId": None}).actions == []


def test_an_unavailable_value_can_be_made_and_renamed() -> None:
    found = plan(flat("A"), {"id": 1}, {"externalId": "x", "name": "Was", "available": False})

    assert members(found) == [[{"name": "Was", "external_id": "x", "available": False}]]
    renamed = plan(city(), {"id": 1, "values": [{"id": 2}, {"id": 3}]}, {"id": 4, "name": "K", "available": False})
    assert [action.operation for action in renamed.actions] == ["update"]


def test_two_nodes_that_map_to_one_value_are_refused() -> None:
    with pytest.raises(UploadMappingAmbiguous):
        plan(city(), {"id": 1}, {"externalId": "akl"})


def test_only_what_was_there_at_the_first_plan_may_leave() -> None:
    found = plan(flat("A", "B", "C"), {"id": 1}, earlier=Earlier(baseline={1, 2}, pins={}))

    assert [action.key for action in found.actions] == ["id:2"]


def test_what_the_upload_made_before_is_recognised() -> None:
    rules = AtsRules(
        {
            1: CategoryValue(id=1, available=True, name="A"),
            5: CategoryValue(id=5, available=True, name="New", parent=1, code="other"),
            6: CategoryValue(id=6, available=True, name="New", parent=1),
        }
    )

    found = plan(
        rules,
        {"id": 1, "values": [{"name": "New"}]},
        {"name": "Newer", "values": [{"name": "New"}]},
        earlier=Earlier(baseline={1}, pins={}),
    )

    assert [action.key for action in found.actions] == ["/categoryValues/1", "/categoryValues/1/values/0"]


@pytest.mark.parametrize(
    ("present", "kept", "stops"),
    [(50, 40, False), (50, 39, True), (100, 80, False), (100, 79, True), (11, 1, False), (3_000, 2_499, True)],
)
def test_the_guard_stops_above_a_share_and_above_a_count(present: int, kept: int, stops: bool) -> None:
    found = plan(flat(*map(str, range(present))), *({"id": id_} for id_ in range(1, kept + 1)))

    assert judge(found, LIMITS, confirmed=False).tripped == stops
    assert not judge(found, LIMITS, confirmed=True).tripped


def test_an_empty_list_stops_only_when_anything_is_there() -> None:
    guard = judge(plan(flat("A")), LIMITS, confirmed=False)

    assert guard.tripped
    assert "1 of 1" in tripped(guard).detail
    assert not judge(plan(AtsRules()), LIMITS, confirmed=False).tripped


def test_a_like_name_under_the_same_parent_is_suggested_as_a_remap() -> None:
    rules = flat("Data Sciences", "Finance", "Legal")

    found = suggest(plan(rules, {"name": "Data Science"}, {"name": "FINANCE"}, {"name": "Nothing alike"}))

    assert found == (
        Suggestion(remap=1, to=SuggestionTarget(pointer="/categoryValues/0"), why="like name, same parent"),
        Suggestion(remap=2, to=SuggestionTarget(pointer="/categoryValues/1"), why="like name, same parent"),
    )


def test_a_value_that_comes_back_can_take_over() -> None:
    rules = flat("Kumeū")
    rules.values[2] = CategoryValue(id=2, available=False, name="Kumeu")

    assert [one.to.id for one in suggest(plan(rules, {"id": 2}))] == [2]


def test_a_like_name_elsewhere_is_not_suggested() -> None:
    rules = city()

    assert suggest(plan(rules, {"id": 1, "values": [{"id": 2}]}, {"name": "Takapuna"})) == ()
    assert suggest(plan(rules, {"id": 1, "values": [{"id": 2}]}, {"name": "N", "values": [{"name": "Takapuna"}]})) == ()


def test_a_value_whose_children_all_go_on_under_one_node_is_suggested_as_remapped_to_it() -> None:
    rules = city()
    new = plan(rules, {"name": "Tāmaki", "values": [{"id": 2}, {"id": 3}]})
    known = plan(rules, {"id": 2, "values": [{"id": 3}]}, {"name": "B"})
    apart = plan(rules, {"name": "B", "values": [{"id": 2}]}, {"name": "C", "values": [{"id": 3}]})

    assert suggest(new) == (Suggestion(remap=1, to=SuggestionTarget(pointer="/categoryValues/0"), why="same children"),)
    assert suggest(known) == ()
    assert suggest(apart) == ()


def test_children_that_go_on_under_a_value_that_is_there_suggest_that_value() -> None:
    rules = city()
    rules.values[6] = CategoryValue(id=6, available=True, name="Tāmaki")

    found = suggest(plan(rules, {"id": 6, "values": [{"id": 2}, {"id": 3}]}))

    assert [(one.remap, one.to.id) for one in found] == [(1, 6)]


def test_comparing_names_ends_where_it_would_become_slow() -> None:
    side = int((2 * MAX_COMPARISONS) ** 0.5) + 20
    rules = flat(*(f"{number} leaves" for number in range(side)))

    found = suggest(plan(rules, *({"name": f"{number} leave"} for number in range(side))))

    assert 0 < len(found) < side


def test_what_was_looked_up_does_not_replace_what_the_tree_says() -> None:
    present = Present.of([CategoryValue(id=1, available=True, name="A")]).with_found(
        [CategoryValue(id=1, available=False, name="B"), CategoryValue(id=2, available=True, name="C", parent=9)]
    )

    assert present.nodes[1].name == "A"
    assert present.depths == {1: 0, 2: 0}
