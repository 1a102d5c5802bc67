"""Which pings changes mean, and how they collapse."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.pings import (
    Change,
    Operation,
    Ping,
    Place,
    collapse,
    cursor_after,
    joined,
    message_id,
    message_source,
    pings_of,
    pings_of_moved,
)
from catrelay.models import TOPICS, Topic

ORGS = 1
OPERATIONS: list[Operation] = ["insert", "update", "delete"]


def paths(change: Change, *topics: Topic) -> list[str]:
    return [ping.path.removesuffix("/deltaPings") for ping in pings_of(change, topics or TOPICS, orgs_category=ORGS)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(5, "value", 9, "update", 2), ["/categories/byID/2/values/byID/9", "/categories/byID/2"]),
        (Change(5, "value", 9, "update", ORGS), ["/orgs/values/byID/9"]),
        (Change(5, "category", 2, "insert"), ["/categories/byID/2", "/categories"]),
        (Change(5, "category", 2, "delete"), ["/categories"]),
        (Change(5, "category", ORGS, "update"), []),
        (Change(5, "job", 7, "update", lists={"jobs/open": "insert"}), ["/jobs/open/byID/7"]),
        (Change(5, "job", 7, "update"), []),
        (Change(5, "user", 7, "insert"), ["/users/byID/7"]),
        (Change(5, "candidate", 7, "update"), ["/candidates/byID/7"]),
        (Change(5, "moved-jobs", 3, "update", 2, moved_by=4), []),
        (Change(5, "moved-users", 3, "update", 2, moved_by=4), []),
    ],
)
def test_a_change_means_these_pings(change: Change, expected: list[str]) -> None:
    assert paths(change) == expected


def test_only_topics_that_were_asked_for_are_pinged() -> None:
    assert paths(Change(5, "value", 9, "update", 2), "orgs", "jobs/open") == []
    assert paths(Change(5, "value", 9, "update", ORGS), "categories") == []
    lists: Mapping[str, Operation] = {"jobs/open": "update", "jobs/open/externally": "delete"}
    assert paths(Change(5, "job", 7, "update", lists=lists), "jobs/open/externally") == ["/jobs/open/externally/byID/7"]
    assert list(pings_of_moved(5, "job", 7, ["jobs/open"], ["jobs/open/externally"])) == []
    assert paths(Change(5, "user", 7, "update"), "candidates") == []
    assert paths(Change(5, "candidate", 7, "update"), "users") == []
    assert list(pings_of_moved(5, "user", 7, ["users"], ["candidates"])) == []


def ping(position: int, path: str, operation: Operation = "update", before: Place | None = None) -> Ping:
    return Ping(path, "job", 1, operation, position, before or Place(position - 1))


def test_objects_of_every_kind_are_pinged_when_they_moved() -> None:
    moved = [
        *pings_of_moved(5, "user", 7, ["users"], TOPICS),
        *pings_of_moved(6, "candidate", 8, ["candidates"], TOPICS),
    ]

    assert moved == [
        Ping("/users/byID/7/deltaPings", "user", 7, "update", 5, Place(4, 6)),
        Ping("/candidates/byID/8/deltaPings", "candidate", 8, "update", 6, Place(5, 7)),
    ]


def test_what_was_made_and_changed_is_still_new_and_a_deletion_wins() -> None:
    def collapsed(*operations: Operation) -> Operation:
        return collapse(ping(position, "/a", operation) for position, operation in enumerate(operations, 1))[
            0
        ].operation

    assert collapsed("insert", "update", "update") == "insert"
    assert collapsed("insert", "delete") == "delete"
    assert collapsed("update", "delete", "insert") == "insert"


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(OPERATIONS))))
def test_collapsing_keeps_the_last_state_of_each_object_once(changes: list[tuple[str, Operation]]) -> None:
    pings = [ping(position, path, operation) for position, (path, operation) in enumerate(changes, 1)]

    collapsed = collapse(pings)

    last = {each.path: each for each in pings}
    assert [each.path for each in collapsed] == list(dict.fromkeys(each.path for each in pings))
    assert {each.path: each.position for each in collapsed} == {path: each.position for path, each in last.items()}
    assert all((each.operation == "delete") == (last[each.path].operation == "delete") for each in collapsed)


@given(st.lists(st.sampled_from("abcde")), st.sets(st.sampled_from("abcde")))
def test_the_cursor_stops_before_the_first_change_that_was_not_told(changes: list[str], unsent: set[str]) -> None:
    pings = [ping(position, path) for position, path in enumerate(changes, 1)]
    end = Place(len(changes))

    cursor = cursor_after(end, [each for each in collapse(pings) if each.path in unsent])

    still_in_the_log = changes[cursor.position :]
    assert {path for path in changes if path in unsent} <= set(still_in_the_log)
    assert cursor == end or still_in_the_log[0] in unsent


def test_within_a_moved_row_the_cursor_stops_at_a_job() -> None:
    pings = [ping for job in (7, 9) for ping in pings_of_moved(5, "job", job, ["jobs/open"], TOPICS)]

    assert cursor_after(Place(5), pings[1:]) == Place(4, 8)
    assert cursor_after(Place(5), []) == Place(5)


def test_a_new_change_supersedes_a_failed_ping_but_not_how_often_it_failed() -> None:
    failed = Ping("/a", "job", 1, "insert", 3, attempts=4)

    both = joined(failed, ping(8, "/a"))

    assert (both.operation, both.position, both.before, both.attempts) == ("insert", 8, Place(7), 4)


def test_a_message_has_the_same_id_whenever_it_is_repeated_and_no_other_has_it() -> None:
    first = [ping(5, "/a")]

    ours, replayed = message_source(1, 2, 0), message_source(1, 2, 1)
    assert message_id(ours, first) == message_id(ours, [ping(5, "/a", before=Place(0))])
    of_others = {message_id(message_source(*other), first) for other in [(2, 2, 0), (1, 3, 0)]}
    later = {message_id(ours, [ping(6, "/a")]), message_id(ours, [ping(5, "/b")]), message_id(replayed, first)}
    assert len({message_id(ours, first), *of_others, *later}) == 6
