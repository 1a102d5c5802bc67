from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catrelay import Fold, JournalGap, Place, fold, follow
from catrelay.models import JournalEntry, Operation
from tests.strategies import AT, journals

VALUES = range(1, 5)


def entry(seq: int, operation: Operation, value: int, to: int | None = None, undoes: int | None = None) -> JournalEntry:
    return JournalEntry(
        seq=seq, category=17, id=value, operation=operation, remapped_to=to, undoes=undoes, at=AT, by="catman"
    )


def test_a_remap_moves_a_value_to_its_target() -> None:
    assert fold([entry(1, "remap", 1001, 1003)]) == Fold(places={1001: Place(1003, remaps=(1,))}, returns={})


def test_a_chain_ends_at_its_last_target_for_every_link() -> None:
    chain = [entry(1, "remap", 1, 2), entry(2, "remap", 2, 3)]

    assert fold(chain).places == {1: Place(3, remaps=(1, 2)), 2: Place(3, remaps=(2,))}
    assert follow(1, chain) == 3


def test_two_values_can_be_swapped_through_a_third() -> None:
    swap = [
        entry(1, "remap", 1, 3),
        entry(2, "restore", 1),
        entry(3, "remap", 2, 1),
        entry(4, "restore", 2),
        entry(5, "remap", 3, 2),
    ]

    assert {value: follow(value, swap) for value in (1, 2, 3)} == {1: 2, 2: 1, 3: 2}


def test_objects_of_an_inactivated_value_lose_it_and_keep_where_that_was() -> None:
    entries = [entry(1, "remap", 1, 2), entry(2, "inactivate", 2)]

    assert fold(entries).places == {1: Place(None, 2, (1,)), 2: Place(None, 2)}
    assert follow(1, entries) is None


def test_objects_stay_on_the_target_when_the_value_is_made_available_again() -> None:
    assert follow(1, [entry(1, "remap", 1, 2), entry(2, "restore", 1)]) == 2


def test_an_undo_in_the_run_leaves_no_trace_of_the_remap() -> None:
    assert fold([entry(1, "remap", 1, 2), entry(2, "undo", 1, 2, undoes=1)]) == Fold(places={}, returns={})


def test_an_undo_of_an_earlier_remap_returns_the_holders_of_its_receipt_only() -> None:
    assert fold([entry(9, "undo", 1, 2, undoes=4)]) == Fold(places={}, returns={4: Place(1)})


def test_what_was_returned_moves_on_with_the_value_it_returned_to() -> None:
    entries = [entry(9, "undo", 1, 2, undoes=4), entry(10, "remap", 1, 3)]

    assert fold(entries) == Fold(places={1: Place(3, remaps=(10,))}, returns={4: Place(3, remaps=(10,))})


def test_objects_that_came_back_by_another_remap_keep_their_receipts() -> None:
    there_and_back = [entry(1, "remap", 1, 2), entry(2, "restore", 1), entry(3, "remap", 2, 1)]

    assert fold(there_and_back).places == {1: Place(1, remaps=(1, 3)), 2: Place(1, remaps=(3,))}


def test_an_empty_journal_moves_nothing() -> None:
    assert fold([]) == Fold(places={}, returns={})
    assert follow(1, []) == 1


def test_a_gap_in_the_journal_is_not_followed() -> None:
    with pytest.raises(JournalGap, match="entry 3 follows entry 1"):
        follow(1, [entry(1, "remap", 1, 2), entry(3, "remap", 2, 3)])


@dataclass(frozen=True)
class Pinned:
    """An object of some app. receipts: the remaps that moved it, oldest first."""

    value: int | None
    receipts: tuple[int, ...] = ()


def applied_one_by_one(objects: Sequence[Pinned], entries: Sequence[JournalEntry]) -> list[Pinned]:
    """The oracle: each entry does to each object what the contract says of that entry."""
    for each in entries:
        objects = [applied(pinned, each) for pinned in objects]
    return list(objects)


def applied(pinned: Pinned, each: JournalEntry) -> Pinned:
    if each.operation == "remap" and pinned.value == each.id:
        return Pinned(each.remapped_to, (*pinned.receipts, each.seq))
    if each.operation == "inactivate" and pinned.value == each.id:
        return replace(pinned, value=None)
    if each.operation == "undo" and pinned.receipts[-1:] == (each.undoes,) and pinned.value == each.remapped_to:
        return Pinned(each.id, pinned.receipts[:-1])
    return pinned


def applied_at_once(objects: Sequence[Pinned], folded: Fold) -> list[Pinned]:
    """What an app makes of a fold: one assignment."""
    return [assigned(pinned, folded) for pinned in objects]


def assigned(pinned: Pinned, folded: Fold) -> Pinned:
    for kept, receipt in enumerate(pinned.receipts):
        if receipt in folded.returns:
            place = folded.returns[receipt]
            return Pinned(place.value, (*pinned.receipts[:kept], *place.remaps))
    if pinned.value is not None and pinned.value in folded.places:
        place = folded.places[pinned.value]
        return Pinned(place.value, (*pinned.receipts, *place.remaps))
    return pinned


@settings(max_examples=500)
@given(
    journal=journals(VALUES),
    cuts=st.sets(st.integers(1, 20), max_size=4),
    pins=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(VALUES)), max_size=5),
)
def test_a_journal_folded_in_any_pages_ends_as_if_applied_entry_by_entry(
    journal: list[JournalEntry], cuts: set[int], pins: list[tuple[int, int]]
) -> None:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(journal)), len(journal)]
    by_entry = by_fold = [Pinned(value) for value in VALUES]

    for number, (start, end) in enumerate(pairwise(bounds)):
        page = journal[start:end]
        new = [Pinned(value) for before, value in pins if before == number]
        by_entry = applied_one_by_one([*by_entry, *new], page)
        by_fold = applied_at_once([*by_fold, *new], fold(page))

        assert by_fold == by_entry


@given(journals(VALUES), st.sampled_from(VALUES))
def test_following_a_value_ends_where_its_objects_end(journal: list[JournalEntry], value: int) -> None:
    assert [Pinned(follow(value, journal))] == [
        replace(pinned, receipts=()) for pinned in applied_one_by_one([Pinned(value)], journal)
    ]


@given(journals(VALUES))
def test_a_remap_that_is_undone_at_once_changes_nothing(journal: list[JournalEntry]) -> None:
    last = len(journal)
    more = [*journal, entry(last + 1, "remap", 1, 2), entry(last + 2, "undo", 1, 2, undoes=last + 1)]

    assert fold(more).returns == fold(journal).returns
    assert fold(more).places == fold(journal).places
