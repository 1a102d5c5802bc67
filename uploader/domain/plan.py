"""The plan of an upload: a pure function of the tree wanted and what is present. Source: docs/contract/, "Uploads"."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from catrelay.models import CategoryValue, Change, PlanItem, PlanOperation
from catrelay.problems import (
    NameRequired,
    NotFound,
    ParentUnavailable,
    Problem,
    RemapTargetUnavailable,
    RemapWithoutInactivation,
    UnknownRemapTarget,
    ValueHasChildren,
)
from uploader.domain.changes import member_changes
from uploader.domain.mapping import Earlier, Match, match
from uploader.domain.present import Present
from uploader.domain.wanted import WantedNode

OUTWARD: frozenset[PlanOperation] = frozenset({"inactivate", "remap"})


@dataclass(frozen=True, slots=True)
class Action:
    """One operation on one node, or why it cannot be.

    node: the wanted node; None for a value that leaves because the body does not have it. target: the present one;
    None for a create. changes: what an update or activation changes, by the members' names on the wire.
    remapped_to: a target that is available once the way in is done.
    """

    operation: PlanOperation
    node: WantedNode | None
    target: CategoryValue | None
    changes: Mapping[str, Change]
    remapped_to: int | None = None
    problem: Problem | None = None

    @property
    def key(self) -> str:
        """What this action is known by over several plans of one upload."""
        if self.node is not None:
            return self.node.pointer
        assert self.target is not None
        return f"id:{self.target.id}"

    @property
    def label(self) -> str:
        """What the sender knows the node by."""
        if self.node is not None:
            return self.node.label
        assert self.target is not None
        return self.target.code or self.target.external_id or str(self.target.id)

    def item(self) -> PlanItem:
        """This action as the contract shows it; an activation's and an update's *changes* with it."""
        node, target = self.node, self.target
        unknown_id = node.value.id if node is not None else None
        return PlanItem(
            operation=self.operation,
            id=target.id if target is not None else unknown_id,
            pointer=node.pointer if node is not None else None,
            external_id=(node.value.external_id if node is not None else None)
            or (target.external_id if target is not None else None),
            name=(node.value.name if node is not None else None) or (target.name if target is not None else None),
            remapped_to=self.remapped_to,
            changes=dict(self.changes) or None,
            problem=self.problem.document() if self.problem is not None else None,
        )


@dataclass(frozen=True)
class Plan:
    """actions: in document order, then the values that leave, parents first. unchanged: how many nodes stay as is."""

    wanted: Sequence[WantedNode]
    present: Present
    match: Match
    actions: Sequence[Action]
    unchanged: int

    def count(self, *operations: PlanOperation) -> int:
        """How many actions there are of *operations*, those that cannot be left out."""
        return sum(action.operation in operations and action.problem is None for action in self.actions)


def make_plan(wanted: Sequence[WantedNode], present: Present, earlier: Earlier | None = None) -> Plan:
    """The plan that makes *present* what is *wanted*.

    present: with everything that `lookups` asked for. earlier: when the upload was planned before; then only what was
    available at the first plan may leave.
    Raises UploadMappingAmbiguous when two nodes map to one object.
    """
    found = match(wanted, present, earlier)
    leaving = _leaving(present, found, earlier.baseline if earlier is not None else None)
    actions = [*_wanted_actions(wanted, present, found, {target.id for target in leaving})]
    actions += [Action("inactivate", None, target, {}) for target in leaving]
    actions = _blocked(actions, present, found)
    return Plan(wanted, present, found, actions, unchanged=len(wanted) + len(leaving) - len(actions))


def parent_failed(parent: WantedNode) -> ParentUnavailable:
    """Why a node fails with its parent."""
    return ParentUnavailable(f"The node that it stands under, {parent.pointer}, failed")


def _leaving(present: Present, found: Match, baseline: Collection[int] | None) -> list[CategoryValue]:
    named = {target.id for target in found.objects.values()}
    return [
        target
        for target in present.available.values()
        if target.id not in named and (baseline is None or target.id in baseline)
    ]


def _wanted_actions(
    wanted: Sequence[WantedNode], present: Present, found: Match, leaving: Collection[int]
) -> list[Action]:
    """In document order. What comes or stays is settled first: a remap needs to know whether its target does."""
    actions: dict[int, Action] = {}
    failed: set[int] = set()
    for node in (node for node in wanted if node.available):
        action = _inward(node, found)
        if node.parent is not None and node.parent in failed:
            failed.add(node.index)
            if action is not None and action.problem is None:
                action = _failed(action, parent_failed(wanted[node.parent]))
        if action is not None:
            actions[node.index] = action
            if action.problem is not None:
                failed.add(node.index)
    going = set(leaving) | {found.objects[node.index].id for node in wanted if _goes(node, found)}
    remaps = _Remaps(wanted, present, found, going, {index for index, act in actions.items() if act.problem is None})
    for node in (node for node in wanted if not node.available):
        action = _outward(node, found, remaps)
        if action is not None:
            actions[node.index] = action
    return [actions[index] for index in sorted(actions)]


def _goes(node: WantedNode, found: Match) -> bool:
    return not node.available and node.index in found.objects


def _inward(node: WantedNode, found: Match) -> Action | None:
    """What is to be done for a node that shall be available; None when it is as wanted."""
    target = found.objects.get(node.index)
    failure = found.failures.get(node.index)
    if target is None:
        return _create(node, failure)
    changes = member_changes(node.value, target) | _parent_change(node, target, found)
    if not target.available:
        changes = {"available": Change(from_=False, to=True), **changes}
        return Action("activate", node, target, changes, problem=failure)
    if failure is not None or changes:
        return Action("update", node, target, changes, problem=failure)
    return None


def _create(node: WantedNode, failure: Problem | None) -> Action:
    if failure is not None:  # an unknown id: what was meant is a value that is there
        operation: PlanOperation = "update" if node.available else _outward_operation(node)
        return Action(operation, node, None, {}, problem=failure)
    if node.value.remapped_to is not None:
        problem: Problem = NotFound(f"There is no value with the externalId {node.value.external_id!r} to remap")
        return Action("remap", node, None, {}, problem=problem)
    if node.value.name is None:
        return Action("create", node, None, {}, problem=NameRequired(f"The new value at {node.pointer} has no name"))
    return Action("create", node, None, {})


def _outward(node: WantedNode, found: Match, remaps: "_Remaps") -> Action | None:
    """What is to be done for a node that shall be unavailable; None when it is as wanted."""
    target = found.objects.get(node.index)
    failure = found.failures.get(node.index)
    if target is None:
        return _create(node, failure)
    changes = member_changes(node.value, target)
    wanted = node.value.remapped_to
    if not target.available:
        if failure is None and wanted is not None and target.remapped_to not in (wanted, remaps.end(wanted)):
            failure = RemapWithoutInactivation(f"Value {target.id} is unavailable already")
        return Action("update", node, target, changes, problem=failure) if changes or failure else None
    if wanted is None:
        return Action("inactivate", node, target, changes, problem=failure)
    end = remaps.end(wanted)
    return Action("remap", node, target, changes, end, failure or remaps.failure(target.id, end))


def _outward_operation(node: WantedNode) -> PlanOperation:
    return "remap" if node.value.remapped_to is not None else "inactivate"


def _parent_change(node: WantedNode, target: CategoryValue, found: Match) -> dict[str, Change]:
    present = target.parent if target.available else None
    if node.parent is None:
        return {} if present is None else {"parent": Change(from_=present)}
    above = found.objects.get(node.parent)
    if above is None:  # a node that the upload creates has no id to be shown yet
        return {"parent": Change(from_=present, to={"pointer": node.pointer.rpartition("/values/")[0]})}
    return {} if above.id == present else {"parent": Change(from_=present, to=above.id)}


class _Remaps:
    """Where remaps end. A target that is itself remapped by the same body is followed: its objects end there anyway,
    and no order among the remaps has to be kept."""

    def __init__(
        self,
        wanted: Sequence[WantedNode],
        present: Present,
        found: Match,
        going: Collection[int],
        done: Collection[int],
    ) -> None:
        """going: ids of what leaves or shall. done: indexes of the nodes for which something will be done."""
        self._present = present
        self._going = going
        self._coming = {found.objects[index].id for index in done if index in found.objects}
        self._onward = {
            target.id: remapped_to
            for index, target in found.objects.items()
            if (remapped_to := wanted[index].value.remapped_to) is not None
        }

    def end(self, target: int) -> int:
        """The value that a remap to *target* leads to; some value of the circle when it leads in one."""
        seen = set()
        while target in self._onward and target not in seen:
            seen.add(target)
            target = self._onward[target]
        return target

    def failure(self, value: int, end: int) -> Problem | None:
        """Why *value* cannot be remapped to *end*."""
        target = self._present.nodes.get(end)
        if target is None:
            return UnknownRemapTarget(f"There is no value {end} in this category", target=end)
        stays = target.available and end not in self._going
        if end == value or not (stays or end in self._coming):
            return RemapTargetUnavailable(f"Value {end} will not be available to take over", target=end)
        return None


def _blocked(actions: Sequence[Action], present: Present, found: Match) -> list[Action]:
    """*actions*, where those fail that would make a value unavailable under which others stay."""
    goes = {
        action.target.id
        for action in actions
        if action.operation in OUTWARD and action.problem is None and action.target is not None
    }
    failed = {action.target.id for action in actions if action.problem is not None and action.target is not None}
    moves = {target.id for target in found.objects.values()} - failed
    holders: dict[int, int] = {}
    for id_ in reversed(list(present.available)):  # children before parents
        if id_ not in goes:
            continue
        children = (child.id for child in present.children.get(id_, ()))
        holder = next((child for child in children if _stays(child, goes, moves, holders)), None)
        if holder is not None:
            holders[id_] = holder
    return [_failed_if_held(action, holders) for action in actions]


def _stays(child: int, goes: Collection[int], moves: Collection[int], holders: Mapping[int, int]) -> bool:
    return child in holders if child in goes else child not in moves


def _failed_if_held(action: Action, holders: Mapping[int, int]) -> Action:
    if action.operation not in OUTWARD or action.target is None or action.target.id not in holders:
        return action
    child = holders[action.target.id]
    return _failed(action, ValueHasChildren(f"Value {child} stays under value {action.target.id}", child=child))


def _failed(action: Action, problem: Problem) -> Action:
    return Action(action.operation, action.node, action.target, action.changes, action.remapped_to, problem)
