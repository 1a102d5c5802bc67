"""How a plan is carried out: waves of single writes that never break a rule of the ATS on the way."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from catrelay.models import CategoryValueWrite, Location
from uploader.domain.changes import merged_location
from uploader.domain.plan import OUTWARD, Action, Plan
from uploader.domain.wanted import WantedNode


@dataclass(frozen=True, slots=True)
class Step:
    """One write.

    key: of the action it carries out. index: of the wanted node, None for one that the body does not have.
    members: of the write, in Python's names, without the parent. places: whether the write says where the node
    stands, which is under the object of the wanted node *parent*, or at the root.
    """

    key: str
    index: int | None
    members: Mapping[str, object]
    places: bool
    parent: int | None

    def write(self, ids: Mapping[int, int]) -> CategoryValueWrite:
        """The write, once the parent's id is known. ids: of the objects of wanted nodes, by index."""
        members = dict(self.members)
        if self.places:
            members["parent"] = ids[self.parent] if self.parent is not None else None
        return CategoryValueWrite.model_validate(members, by_name=True)


Wave = tuple[Step, ...]


def waves(plan: Plan) -> tuple[Wave, ...]:
    """The steps of *plan*; those of one wave are independent of each other, a wave needs all waves before it.

    On the way in, one level of the wanted tree after the other: what stands above a node is in its final place and
    available by then, so nothing can come to stand below itself, and every value that stays has left the ones that go.
    On the way out, the deepest present level first. Last, locations of values that were no leaves before.
    """
    inward: dict[int, list[Step]] = defaultdict(list)
    outward: dict[int, list[Step]] = defaultdict(list)
    late: list[Step] = []
    for action in plan.actions:
        if action.problem is not None:
            continue
        if action.operation in OUTWARD:
            assert action.target is not None
            outward[-plan.present.depths[action.target.id]].append(_outward_step(action))
            continue
        assert action.node is not None
        step = _inward_step(action)
        if _waits_with_location(action, plan):
            late.append(Step(step.key, step.index, _only_location(step.members), places=False, parent=step.parent))
            step = Step(step.key, step.index, _without_location(step.members), step.places, step.parent)
        if step.places or step.members.keys() - {"id"}:
            inward[action.node.depth].append(step)
    levels = [*(inward[depth] for depth in sorted(inward)), *(outward[depth] for depth in sorted(outward)), late]
    return tuple(tuple(level) for level in levels if level)


def _outward_step(action: Action) -> Step:
    assert action.target is not None
    members: dict[str, object] = {"id": action.target.id, "available": False}
    if action.node is not None:
        members |= _patch(action.node, action)
    if action.remapped_to is not None:
        members["remapped_to"] = action.remapped_to
    return Step(action.key, action.node.index if action.node is not None else None, members, places=False, parent=None)


def _inward_step(action: Action) -> Step:
    node, target = action.node, action.target
    assert node is not None
    if target is None:
        return Step(node.pointer, node.index, _creation(node), node.parent is not None, node.parent)
    members: dict[str, object] = {"id": target.id} | _patch(node, action)
    if action.operation == "activate":
        members["available"] = True
    return Step(node.pointer, node.index, members, "parent" in action.changes, node.parent)


def _creation(node: WantedNode) -> dict[str, object]:
    value = node.value
    given = {"name": value.name, "code": value.code, "external_id": value.external_id, "sequence": value.sequence}
    members: dict[str, object] = {name: member for name, member in given.items() if member is not None}
    if value.location is not None:
        members["location"] = value.location
    if not node.available:
        members["available"] = False
    elif value.external_id is not None:
        # On an ATS that cannot be asked for unavailable nodes, this finds one and makes it available.
        members["available"] = True
    return members


def _patch(node: WantedNode, action: Action) -> dict[str, object]:
    value = node.value
    plain = {"name": value.name, "code": value.code, "sequence": value.sequence}
    members: dict[str, object] = {name: member for name, member in plain.items() if name in action.changes}
    if "externalId" in action.changes:
        members["external_id"] = value.external_id
    if "location" in action.changes:
        members["location"] = value.location
    return members


def _waits_with_location(action: Action, plan: Plan) -> bool:
    target = action.target
    if target is None or not isinstance(action.node, WantedNode) or "location" not in action.changes:
        return False
    has_children = bool(plan.present.children.get(target.id)) if target.available else False
    return has_children and bool(merged_location(action.node.value.location, target.location))


def _only_location(members: Mapping[str, object]) -> dict[str, object]:
    location = members["location"]
    assert isinstance(location, Location)
    return {"id": members["id"], "location": location}


def _without_location(members: Mapping[str, object]) -> dict[str, object]:
    return {name: member for name, member in members.items() if name != "location"}
