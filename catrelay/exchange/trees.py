"""What has to be written so that a category of the target has the values of the source as they are there.

First everything comes in, level by level: values are made, changed and moved to their place below parents that stand
there already, so that no move can make a loop. A value that is to be remapped comes in as an available one. Then values
go, in the order in which they went in the source, each while its target is still available.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catrelay.exchange.matching import Nodes
from catrelay.exchange.nodes import Node, chain, end_of, levels
from catrelay.models import CategoryValueWrite, Location

Members = dict[str, Any]
Ids = Mapping[int, int]
"""The target's id by the source's."""


@dataclass(frozen=True)
class Entering:
    """One write on the way in. target: None for a value to be made. members: without the parent.

    places: whether the write says where the value stands, which is at the source's *parent*, or at the root.
    """

    source: int
    target: int | None
    members: Members
    places: bool = False
    parent: int | None = None

    def write(self, ids: Ids) -> CategoryValueWrite:
        """The write, once the parent is there."""
        members = dict(self.members)
        if self.target is not None:
            members["id"] = self.target
        if self.places and (self.parent is not None or self.target is not None):
            members["parent"] = None if self.parent is None else ids[self.parent]
        return CategoryValueWrite.model_validate(members, by_name=True)


@dataclass(frozen=True)
class Leaving:
    """One write on the way out. target: the value that goes. to: the value that takes over, both of the target."""

    source: int
    target: int
    to: int | None

    def write(self) -> CategoryValueWrite:
        """The write."""
        members: Members = {"id": self.target, "available": False}
        return CategoryValueWrite.model_validate(
            members | ({"remapped_to": self.to} if self.to is not None else {}), by_name=True
        )


@dataclass(frozen=True)
class Plan:
    """waves: one after the other, the writes of one are independent. going: in the order in which they go.

    unchanged: values that need no write at all.
    """

    waves: tuple[tuple[Entering, ...], ...]
    going: tuple[int, ...]
    unchanged: frozenset[int]


@dataclass
class _Work:
    source: Nodes
    target: Nodes
    ids: Ids
    parents: Collection[int]
    """Values of the source that have children."""

    def found(self, node: Node) -> Node | None:
        """The target's value that *node* is."""
        target = self.ids.get(node.id)
        return None if target is None else self.target[target]

    def place_of(self, node: Node) -> int | None:
        """The parent of *node*, as far as it is known."""
        return node.parent if node.parent in self.source else None


def plan(source: Nodes, target: Nodes, ids: Ids, last_seq: Mapping[int, int]) -> Plan:
    """What is to be written. ids: of the values that the target has. last_seq: of a value's newest journal entry."""
    work = _Work(source, target, ids, {node.parent for node in source.values() if node.parent is not None})
    going = {node.id for node in source.values() if not node.available and _has_to_go(node, work)}
    going |= {heir.id for each in going for heir in chain(source[each], source) if _goes_with(heir, work)}
    waves = _waves(work, going)
    written = {entering.source for wave in waves for entering in wave}
    return Plan(waves, _in_order(going, source, last_seq), frozenset(source.keys() - written - going))


def leave(going: int, source: Nodes, ids: Ids, available: Collection[int]) -> Leaving | None:
    """How *going* goes; None when what should take over is not there. available: the target's ids, as of now."""
    node = source[going]
    heirs = [ids[heir.id] for heir in chain(node, source) if heir.id in ids]
    to = next((heir for heir in heirs if heir in available and heir != ids[going]), None)
    if to is None and end_of(node, source) is not None:
        return None
    return Leaving(going, ids[going], to)


def _has_to_go(node: Node, work: _Work) -> bool:
    found = work.found(node)
    if found is None:
        return node.remapped_to in work.source  # else it is made as an unavailable one
    if found.available:
        return True
    end = end_of(node, work.source)
    has_the_same_heir = found.remapped_to is not None and found.remapped_to == work.ids.get(node.remapped_to or 0)
    if end is None or has_the_same_heir:
        return False
    found_end = end_of(found, work.target)
    return found_end is None or work.ids.get(end.id) != found_end.id


def _goes_with(node: Node, work: _Work) -> bool:
    """Whether *node* has to be available while what was remapped to it goes."""
    return not node.available and work.found(node) is None


def _waves(work: _Work, going: set[int]) -> tuple[tuple[Entering, ...], ...]:
    leaving = {work.ids[each] for each in going if each in work.ids}
    waves: list[list[Entering]] = []
    for level in levels(work.source.values()):
        wave = [_entering(node, work, going, leaving) for node in level]
        waves.append([each for each in wave if each is not None])
    waves.append([each for node in work.source.values() for each in _late_location(node, work)])
    return tuple(tuple(wave) for wave in waves if wave)


def _entering(node: Node, work: _Work, going: set[int], leaving: set[int]) -> Entering | None:
    found = work.found(node)
    if found is None:
        members = _members(node)
        if not node.available and node.id not in going:
            return Entering(node.id, None, {**members, "available": False})
        return Entering(node.id, None, members, places=True, parent=work.place_of(node))
    members = _changes(node, found, work)
    if not found.available and (node.available or node.id in going):
        members["available"] = True
    if node.available:
        parent = work.place_of(node)
        places = not found.available or found.parent != (None if parent is None else work.ids.get(parent, 0))
        return Entering(node.id, found.id, members, places, parent) if members or places else None
    # One that goes cannot wait for the children that go with it, where one of them takes over from it.
    places = node.id in going and found.parent in leaving
    return Entering(node.id, found.id, members, places) if members or places else None


def _members(node: Node) -> Members:
    members = {
        "name": node.name,
        "code": node.code,
        "external_id": node.external_id,
        "sequence": node.sequence,
        "location": _location(node.location),
    }
    return {name: member for name, member in members.items() if member is not None}


def _changes(node: Node, found: Node, work: _Work) -> Members:
    """What *node* has and *found* has not, but for its location; and a location that is in its children's way."""
    wanted = _members(node)
    wanted.pop("location", None)
    changes = {name: member for name, member in wanted.items() if getattr(found, name) != member}
    if found.location is not None and node.id in work.parents:
        changes["location"] = None
    return changes


def _late_location(node: Node, work: _Work) -> Iterable[Entering]:
    """A location waits until all values moved: only a leaf may have one."""
    found = work.found(node)
    if found is None or node.location is None:
        return
    wanted = _location(node.location) or {}
    present = _location(found.location) or {}
    if any(present.get(name) != member for name, member in wanted.items()):
        yield Entering(node.id, found.id, {"location": wanted})


def _location(location: Location | None) -> Members | None:
    return None if location is None else location.to_document()


def _in_order(going: set[int], source: Nodes, last_seq: Mapping[int, int]) -> tuple[int, ...]:
    """By the journal; where it does not reach back, a value goes before the one that takes over from it."""
    before: dict[int, list[int]] = defaultdict(list)
    for each in going:
        heir = source[each].remapped_to
        if heir is not None:
            before[heir].append(each)

    def by_journal(each: int) -> tuple[int, int]:
        return last_seq.get(each, 0), each

    ordered: dict[int, None] = {}
    seen: set[int] = set()
    for start in sorted(going, key=by_journal):
        pending = [start]
        while pending:
            each = pending[-1]
            seen.add(each)
            waiting = sorted((other for other in before[each] if other not in seen), key=by_journal, reverse=True)
            if waiting:
                pending.extend(waiting)
            else:
                ordered[pending.pop()] = None
    return tuple(ordered)
