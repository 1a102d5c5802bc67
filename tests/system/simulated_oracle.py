"""Where every value and every object shall be, by what was acknowledged and by nothing else.

An operation whose answer was lost is asked for again until it is answered, as a client would: the journal has to have
what it means exactly once. What an upload does on its way is read from the journal; where it ends is known.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from catrelay.models import JournalEntry
from replicator import Policy
from tests.replicator.objects import ObjectOracle, Pin


@dataclass
class Value:
    """A value as acknowledged."""

    id: int
    category: int
    name: str
    parent: int | None = None
    is_available: bool = True
    remapped_to: int | None = None


@dataclass
class Values:
    """The values of the categories that the administrator keeps. stood: by the seq of a remap, where its value did."""

    by_id: dict[int, Value] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    stood: dict[int, int | None] = field(default_factory=dict)

    def available(self, category: int) -> list[Value]:
        """By id."""
        return [value for _, value in sorted(self.by_id.items()) if value.category == category and value.is_available]

    def gone(self) -> list[Value]:
        """Those that are not available, by id."""
        return [value for _, value in sorted(self.by_id.items()) if not value.is_available]

    def leaves(self, category: int) -> list[Value]:
        """Those without children."""
        available = self.available(category)
        parents = {value.parent for value in available}
        return [value for value in available if value.id not in parents]

    def is_below(self, value: int | None, top: int) -> bool:
        """Whether *value* is *top* or stands below it."""
        while value is not None and value != top:
            value = self.by_id[value].parent
        return value is not None

    def drop(self, category: int) -> None:
        """Forget a category with all its values."""
        del self.categories[category]
        for value in [value for value in self.by_id.values() if value.category == category]:
            del self.by_id[value.id]


@dataclass
class History:
    """One epoch of the ATS. unavailable, at its beginning: where each value was remapped to, if it was.

    dropped: categories that were deleted, by the seq of the last entry that this made. exists: whether this history
    ever had a value of that id.
    """

    unavailable: dict[int, int | None] = field(default_factory=dict)
    entries: dict[int, JournalEntry] = field(default_factory=dict)
    last: int = 0
    dropped: dict[int, int] = field(default_factory=dict)
    exists: Callable[[int], bool] = lambda _: True

    def read(self, entry: JournalEntry) -> None:
        """Go on by one entry."""
        assert entry.seq == self.last + 1, f"entry {entry.seq} follows entry {self.last}"
        self.entries[entry.seq] = entry
        self.last = entry.seq

    def last_of(self, value: int) -> int:
        """The seq of the newest entry about *value*."""
        return next(entry.seq for entry in reversed(self.entries.values()) if entry.id == value)

    def unavailable_at(self, seq: int) -> dict[int, int | None]:
        """Where each value that was not available then was remapped to, if it was."""
        found = dict(self.unavailable)
        for entry in self.entries.values():
            if entry.seq > seq:
                break
            if entry.operation in ("remap", "inactivate"):
                found[entry.id] = entry.remapped_to
            else:
                found.pop(entry.id, None)
        return found


@dataclass(frozen=True)
class Settling:
    """Values as of one moment, by which objects are placed when the journal cannot be read on."""

    history: History
    seq: int
    unavailable: dict[int, int | None]

    @classmethod
    def at(cls, history: History, seq: int) -> "Settling":
        return cls(history, seq, history.unavailable_at(seq))

    def settle(self, oracle: ObjectOracle, category: int) -> None:
        """Follow remappedTo from wherever the object is."""
        is_dropped = self.history.dropped.get(category, self.seq + 1) <= self.seq
        kept: list[Pin] = []
        for pin in oracle.pins:
            end, last = self._end(pin.value, is_dropped)
            if end is not None:
                kept.append(Pin(end, pin.moves))
            elif oracle.policy == "keep":
                kept.append(Pin(last, pin.moves))
            else:
                oracle.is_deleted |= oracle.policy == "delete"
        oracle.pins = kept

    def _end(self, value: int, is_dropped: bool) -> tuple[int | None, int]:
        at: int | None = value
        last = value
        while at is not None:
            last = at
            if is_dropped or not self.history.exists(at):
                return None, last
            if at not in self.unavailable:
                return at, last
            at = self.unavailable[at]
        return None, last


@dataclass(frozen=True)
class Moved:
    """A replica's cursor went on: by reading, or by being settled.

    candidates: of which histories, from which seq on to which, the values may be by which it was settled.
    """

    before: tuple[str, int] | None
    after: tuple[str, int]
    may_have_read: bool
    candidates: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Pinned:
    """The app's own change of an object. values: None when it was deleted."""

    object: tuple[str, int]
    category: int
    values: frozenset[int] | None


@dataclass
class World:
    """Where an object may rightly be. shown: the seq up to which it was settled by values instead of entries."""

    object: ObjectOracle
    shown: int = 0

    def read(self, entries: Iterable[JournalEntry], category: int) -> None:
        """Go on by *entries*."""
        for entry in entries:
            if entry.category == category and entry.seq > self.shown:
                self.object.read(entry)

    def settled(self, settling: Settling, category: int, *, is_new_history: bool) -> "World":
        """The same, placed anew."""
        pins = [Pin(pin.value, [] if is_new_history else list(pin.moves)) for pin in self.object.pins]
        moved = ObjectOracle(pins, self.object.policy, self.object.is_deleted)
        settling.settle(moved, category)
        return World(moved, settling.seq)


class Objects:
    """The objects of one app, in all the worlds that may be. There is more than one only after a settling."""

    def __init__(self, histories: Mapping[str, History], policies: Mapping[str, Policy]) -> None:
        self._histories = histories
        self._policies = policies
        self.worlds: dict[tuple[str, int], list[World]] = {}
        self._categories: dict[tuple[str, int], int] = {}

    def replay(self, events: Iterable[Moved | Pinned]) -> None:
        """What happened to the app, in the order of its commits."""
        for event in events:
            if isinstance(event, Moved):
                self._move(event)
            else:
                self._pin(event)

    def _pin(self, event: Pinned) -> None:
        if event.values is None:
            self.worlds.pop(event.object, None)
            return
        self._categories[event.object] = event.category
        empty = ObjectOracle([], self._policies[event.object[0]])
        worlds = self.worlds.setdefault(event.object, [World(empty)])
        for world in worlds:
            world.object.repin(set(event.values))
        self.worlds[event.object] = _different(worlds)

    def _move(self, event: Moved) -> None:
        entries = self._entries(event)
        settlings = [
            Settling.at(self._histories[epoch], seq)
            for epoch, first, last in event.candidates
            for seq in range(first, last + 1)
        ]
        is_new_history = event.before is None or event.before[0] != event.after[0]
        for object_, worlds in self.worlds.items():
            category = self._categories[object_]
            found = [
                world.settled(settling, category, is_new_history=is_new_history)
                for world in worlds
                for settling in settlings
            ]
            if event.may_have_read:
                for world in worlds:
                    world.read(entries, category)
                    found.append(world)
            for world in found:
                if world.shown <= event.after[1]:
                    world.shown = 0
            self.worlds[object_] = found if len(found) == 1 else _different(found)

    def _entries(self, event: Moved) -> list[JournalEntry]:
        if not event.may_have_read or event.before is None:
            return []
        entries = self._histories[event.after[0]].entries
        return [entries[seq] for seq in range(event.before[1] + 1, event.after[1] + 1)]


def _different(worlds: list[World]) -> list[World]:
    found: list[World] = []
    for world in worlds:
        if world not in found:
            found.append(world)
    return found
