"""For all wanted and present trees: steps break no rule, and an applied plan leaves an empty plan."""

from collections.abc import Sequence

import orjson
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from catrelay.models import CategoryValue, CategoryValuesUpload, Location
from catrelay.problems import UploadMappingAmbiguous
from tests.uploader.ats_rules import AtsRules, copy_of
from uploader.domain.mapping import Earlier
from uploader.domain.plan import Plan, make_plan
from uploader.domain.steps import waves
from uploader.domain.wanted import WantedNode, wanted_nodes

MAX_NODES = 9
NAMES = st.sampled_from(["A", "B", "C"])
LOCATIONS = st.sampled_from([None, None, Location(lat=1, lng=2)])


@st.composite
def ats_states(draw: st.DrawFn) -> AtsRules:
    """Any legal state of a category: ids 1..n, each available value under an earlier or later one, no loops."""
    count = draw(st.integers(0, MAX_NODES))
    ids = draw(st.permutations(range(1, count + 1)))
    rules = AtsRules()
    for place, id_ in enumerate(ids):
        available = draw(st.integers(0, 4)) > 0
        above = [one for one in ids[:place] if rules.values[one].available and rules.values[one].location is None]
        parent = draw(st.sampled_from([None, *above])) if available else None
        rules.values[id_] = CategoryValue(
            id=id_,
            available=available,
            name=draw(NAMES),
            code=draw(st.sampled_from([None, "c"])),
            external_id=f"x{id_}" if draw(st.booleans()) else None,
            sequence=draw(st.sampled_from([None, 1, 2])),
            parent=parent,
            location=draw(LOCATIONS) if available else None,
        )
    return rules


@st.composite
def uploads(draw: st.DrawFn, present: AtsRules) -> CategoryValuesUpload:
    """Any body that is accepted: known and unknown nodes in any nesting, some wanted unavailable, some remapped."""
    known: list[int] = draw(st.lists(st.sampled_from([*present.values, 99, 0]), max_size=MAX_NODES))
    seen: set[int] = set()
    nodes: list[dict[str, object]] = []
    places: list[list[dict[str, object]]] = [nodes]
    for number, id_ in enumerate(known):
        if id_ and id_ in seen:
            continue
        seen.add(id_)
        node = draw(_node(present, id_, number))
        draw(st.sampled_from(places)).append(node)
        if node.get("available") is not False:
            children: list[dict[str, object]] = []
            node["values"] = children
            places.append(children)
    return CategoryValuesUpload.model_validate_json(orjson.dumps({"testFlag": False, "categoryValues": nodes}))


@st.composite
def _node(draw: st.DrawFn, present: AtsRules, id_: int, number: int) -> dict[str, object]:
    node: dict[str, object] = {}
    target = present.values.get(id_)
    if target is not None and target.external_id is not None and draw(st.booleans()):
        node["externalId"] = target.external_id
    elif id_:
        node["id"] = id_
        if target is not None and target.external_id is None and draw(st.integers(0, 3)) == 0:
            node["externalId"] = f"new{number}"
    elif draw(st.booleans()):
        node["externalId"] = f"new{number}"
    if not id_ or draw(st.booleans()):
        node["name"] = draw(NAMES)
    if draw(st.integers(0, 3)) == 0:
        node["code"] = draw(st.sampled_from([None, "d"]))
    if draw(st.integers(0, 3)) == 0:
        node["sequence"] = draw(st.sampled_from([None, 1.0, 3]))
    if draw(st.integers(0, 3)) == 0:
        node["location"] = draw(st.sampled_from([None, {"lat": 5, "lng": 6}]))
    if (id_ or "externalId" in node) and draw(st.integers(0, 3)) == 0:
        node["available"] = False
        others = [one for one in [*present.values, 98] if one != node.get("id")]
        if draw(st.booleans()) and others:
            node["remappedTo"] = draw(st.sampled_from(others))
    return node


@st.composite
def cases(draw: st.DrawFn) -> tuple[AtsRules, CategoryValuesUpload]:
    present = draw(ats_states())
    return present, draw(uploads(present))


def carry_out(plan: Plan, ats: AtsRules, *, until: int | None = None) -> dict[int, int]:
    """Send the steps; those that the caller's *until* cuts off are lost. Returns the ids of wanted nodes, by index."""
    ids = {index: target.id for index, target in plan.match.objects.items()}
    for number, step in enumerate(step for wave in waves(plan) for step in wave):
        if number == until:
            break
        value = ats.write(step.write(ids))
        if step.index is not None:
            ids[step.index] = value.id
    return ids


def has_location_conflict(wanted: Sequence[WantedNode], ats: AtsRules) -> bool:
    """Whether the body asks for a place with children: the ATS refuses that, whatever the order."""
    parents = {node.parent for node in wanted}
    for node in wanted:
        target = ats.values.get(node.value.id or 0) or ats.by_external_id(node.value.external_id or "")
        stays = target is not None and target.location is not None and not node.gives("location")
        if node.index in parents and (node.value.location is not None or stays):
            return True
    return False


def keeps_children_of_a_place(plan: Plan) -> bool:
    """Whether a value that shall become a place keeps children because they fail: the ATS refuses that too."""
    held = {action.target.parent for action in plan.actions if action.problem is not None and action.target is not None}
    return any(
        target.id in held and plan.wanted[index].value.location is not None
        for index, target in plan.match.objects.items()
    )


def planned(
    case: tuple[AtsRules, CategoryValuesUpload],
) -> tuple[AtsRules, tuple[WantedNode, ...], Plan] | None:
    ats, upload = case
    wanted = wanted_nodes(upload, max_depth=50)
    if has_location_conflict(wanted, ats):
        return None
    try:
        plan = make_plan(wanted, ats.present())
    except UploadMappingAmbiguous:
        return None
    return None if keeps_children_of_a_place(plan) else (copy_of(ats), wanted, plan)


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_an_applied_plan_leaves_an_empty_plan_and_breaks_no_rule(
    case: tuple[AtsRules, CategoryValuesUpload],
) -> None:
    found = planned(case)
    if found is None:
        event("refused")
        return
    ats, wanted, plan = found
    baseline = set(plan.present.available)

    ids = carry_out(plan, ats)

    pins = {wanted[index].pointer: id_ for index, id_ in ids.items()}
    again = make_plan(wanted, ats.present(), Earlier(baseline, pins))
    failed = [action.key for action in plan.actions if action.problem is not None]
    assert [action.key for action in again.actions if action.problem is None] == []
    assert [action.key for action in again.actions] == failed
    event(f"failed: {len(failed) > 0}, steps: {len(ats.writes) > 0}")


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(), until=st.integers(0, 12))
def test_a_plan_that_was_cut_off_is_finished_by_planning_again_without_doing_anything_twice(
    case: tuple[AtsRules, CategoryValuesUpload], until: int
) -> None:
    found = planned(case)
    if found is None:
        return
    whole, wanted, plan = found
    carry_out(plan, whole)
    cut = copy_of(case[0])
    carry_out(plan, cut, until=until)

    pins = {wanted[index].pointer: target.id for index, target in plan.match.objects.items()}
    again = make_plan(wanted, cut.present(), Earlier(set(plan.present.available), pins))
    carry_out(again, cut)

    assert cut.shape() == whole.shape()
    assert len(cut.values) == len(whole.values)


@given(case=cases())
def test_what_the_body_wants_available_is_there_where_it_stands(case: tuple[AtsRules, CategoryValuesUpload]) -> None:
    found = planned(case)
    if found is None:
        return
    ats, wanted, plan = found

    ids = carry_out(plan, ats)

    failed = {action.node.index for action in plan.actions if action.problem is not None and action.node is not None}
    for node in wanted:
        if node.index in failed or (node.parent is not None and node.parent in failed):
            continue
        value = ats.values[ids[node.index]]
        assert value.available == node.available
        assert value.parent == (ids[node.parent] if node.parent is not None else None)
        if node.gives("name"):
            assert value.name == node.value.name
