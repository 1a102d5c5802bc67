"""Uploads from the sender's side, worked off against a small ATS."""

import asyncio

import pytest

from catrelay.models import UploadStatus
from tests.uploader.ats_standin import ALL_CAPABILITIES, CATEGORY, JOURNAL_SEQ, StandIn, body
from tests.uploader.conftest import Suite, city

CAPABILITIES = pytest.mark.parametrize(
    "capabilities", [ALL_CAPABILITIES, ("values.byExternalId",), (), None], ids=["ours", "look-up", "bare", "plain"]
)


def results(status: UploadStatus) -> dict[str, tuple[int, int]]:
    return {outcome.operation: (outcome.succeeded, outcome.failed) for outcome in status.results}


def names(ats: StandIn) -> dict[int, tuple[str, int | None]]:
    return {value.id: (value.name, value.parent) for value in ats.rules.values.values() if value.available}


AUCKLAND = {
    "externalId": "akl",
    "values": [{"id": 2, "name": "Brooklyn"}, {"name": "Birkenhead", "values": [{"name": "Beach Haven"}]}],
}


@CAPABILITIES
def test_the_tree_that_is_sent_becomes_the_tree_that_is_there(
    suite_on_each: Suite, capabilities: tuple[str, ...] | None
) -> None:
    ats = StandIn(city(), capabilities, jobs={3: 5})

    status, plan = asyncio.run(suite_on_each.run(ats.transport(), body(AUCKLAND)))

    assert status.status == "Complete"
    assert results(status) == {"Created": (2, 0), "Updated": (1, 0), "Closed": (1, 0)}
    assert names(ats) == {
        1: ("Auckland", None),
        2: ("Brooklyn", 1),
        1001: ("Birkenhead", 1),
        1002: ("Beach Haven", 1001),
    }
    assert plan.to_document() | {"guard": None} == {
        "uploadID": 1,
        **({"journalSeq": JOURNAL_SEQ} if capabilities is not None else {}),
        "summary": {"create": 2, "update": 1, "activate": 0, "inactivate": 1, "remap": 0, "unchanged": 1, "failed": 0},
        "touched": {"jobs": 5},
        "guard": None,
        "suggestions": [],
        "items": [
            {
                "operation": "update",
                "id": 2,
                "pointer": "/categoryValues/0/values/0",
                "name": "Brooklyn",
                "changes": {"name": {"from": "Newtown", "to": "Brooklyn"}},
            },
            {"operation": "create", "id": 1001, "pointer": "/categoryValues/0/values/1", "name": "Birkenhead"},
            {
                "operation": "create",
                "id": 1002,
                "pointer": "/categoryValues/0/values/1/values/0",
                "name": "Beach Haven",
            },
            {"operation": "inactivate", "id": 3, "name": "Takapuna", "touched": {"jobs": 5}},
        ],
    }


@CAPABILITIES
def test_an_unavailable_value_is_found_by_its_external_id_and_made_available(
    suite: Suite, capabilities: tuple[str, ...] | None
) -> None:
    ats = StandIn(city(), capabilities)

    status, _ = asyncio.run(
        suite.run(
            ats.transport(), body({"id": 1, "values": [{"id": 2}, {"id": 3}, {"externalId": "kum", "name": "Kumeu"}]})
        )
    )

    assert status.status == "Complete"
    assert ats.rules.values[4].available
    assert ats.rules.values[4].parent == 1
    assert len(ats.rules.values) == 4


@CAPABILITIES
def test_a_value_is_remapped_when_the_body_says_so(suite: Suite, capabilities: tuple[str, ...] | None) -> None:
    ats = StandIn(city(), capabilities)
    upload = body({"id": 1, "values": [{"id": 2}, {"id": 3, "available": False, "remappedTo": 2}]})

    status, plan = asyncio.run(suite.run(ats.transport(), upload))

    assert results(status) == {"Created": (0, 0), "Updated": (0, 0), "Closed": (1, 0)}
    assert plan.summary.remap == 1
    assert ats.rules.values[3].remapped_to == 2


@CAPABILITIES
def test_a_plan_counts_what_a_whole_branch_that_leaves_touches(
    suite: Suite, capabilities: tuple[str, ...] | None
) -> None:
    ats = StandIn(city(), capabilities, jobs={1: 7, 3: 5})

    _, plan = asyncio.run(suite.run(ats.transport(), body({"name": "Elsewhere"}, test=True)))

    assert plan.touched == {"jobs": 12}
    assert [(item.id, item.touched) for item in plan.items[1:]] == [(1, {"jobs": 7}), (2, None), (3, {"jobs": 5})]


def test_a_dry_run_changes_nothing_and_tells_what_it_would_do(suite: Suite) -> None:
    ats = StandIn(city())

    status, plan = asyncio.run(suite.run(ats.transport(), body(AUCKLAND, test=True)))

    assert status.status == "Complete"
    assert results(status) == {"Created": (0, 0), "Updated": (0, 0), "Closed": (0, 0)}
    assert plan.summary.create == 2
    assert ats.rules.writes == []


def test_a_failed_node_takes_its_children_with_it_and_no_others(suite: Suite) -> None:
    ats = StandIn(city())
    upload = body(
        {"id": 99, "code": "X99", "name": "Nowhere", "values": [{"name": "Below nowhere"}]},
        {"id": 1, "values": [{"id": 2, "externalId": "kum", "name": "Brooklyn"}, {"id": 3, "name": "Milford"}]},
    )

    status, plan = asyncio.run(suite.run(ats.transport(), upload))

    assert status.status == "Complete"
    assert results(status) == {"Created": (0, 1), "Updated": (1, 2), "Closed": (0, 0)}
    assert [(detail.code, "99" in detail.message) for detail in status.results[1].failure_details or ()] == [
        ("X99", True),
        ("kum", False),
    ]
    assert plan.summary.failed == 3
    assert [item.problem["type"] for item in plan.items if item.problem is not None] == [
        "urn:catrelay:problem:not-found",
        "urn:catrelay:problem:parent-unavailable",
        "urn:catrelay:problem:external-id-taken",
    ]
    assert names(ats) == {1: ("Auckland", None), 2: ("Newtown", 1), 3: ("Milford", 1)}


def test_a_node_that_the_ats_refuses_takes_its_children_with_it(suite: Suite) -> None:
    rules = city()
    ats = StandIn(rules)
    upload = body(
        {
            "name": "Half a place",
            "location": {"lat": 1},
            "values": [{"name": "Below"}, {"id": 2}, {"id": 3, "name": "Milford"}],
        },
        {"id": 1},
    )

    status, plan = asyncio.run(suite.run(ats.transport(), upload))

    assert status.status == "Complete"
    assert results(status) == {"Created": (0, 2), "Updated": (0, 2), "Closed": (0, 0)}
    assert plan.items[0].problem is not None
    assert plan.items[0].problem["type"] == "urn:catrelay:problem:invalid-location"
    assert names(ats) == {1: ("Auckland", None), 2: ("Newtown", 1), 3: ("Takapuna", 1)}


def test_an_empty_list_stops_at_the_guard_until_it_is_confirmed(suite: Suite) -> None:
    ats = StandIn(city())

    status, plan = asyncio.run(suite.run(ats.transport(), body()))
    confirmed, _ = asyncio.run(suite.run(ats.transport(), body(), confirm=True))

    assert status.status == "Error"
    assert status.problem is not None
    assert status.problem["type"] == "urn:catrelay:problem:upload-guard-tripped"
    assert (status.problem["inactivate"], status.problem["present"]) == (3, 3)
    assert plan.guard.tripped
    assert confirmed.status == "Complete"
    assert names(ats) == {}


def test_two_nodes_that_turn_out_to_be_one_value_end_the_upload_with_nothing_changed(suite: Suite) -> None:
    ats = StandIn(city())

    async def run() -> UploadStatus:
        async with suite.uploader(ats.transport()) as (client, worker):
            sent = await client.post(
                f"/categories/byID/{CATEGORY}/values/uploads", UploadStatus, body({"id": 1}, {"externalId": "akl"})
            )
            await worker.run_due()
            return await client.upload(CATEGORY, sent.id)

    status = asyncio.run(run())

    assert status.status == "Error"
    assert status.problem is not None
    assert status.problem["type"] == "urn:catrelay:problem:upload-mapping-ambiguous"
    assert ats.rules.writes == []


def test_an_unknown_category_ends_the_upload_and_says_so(suite: Suite) -> None:
    async def run() -> UploadStatus:
        async with suite.uploader(StandIn(city()).transport()) as (client, worker):
            sent = await client.post("/categories/byID/18/values/uploads", UploadStatus, body({"name": "A"}))
            await worker.run_due()
            return await client.upload(18, sent.id)

    status = asyncio.run(run())

    assert status.status == "Error"
    assert status.problem is not None
    assert status.problem["status"] == 404


def test_many_unavailable_values_are_read_by_pages(suite: Suite) -> None:
    ats = StandIn(city())
    upload = body(
        {"id": 1, "values": [{"id": 2}, {"id": 3}]}, *({"externalId": f"x{n}", "name": f"X{n}"} for n in range(60))
    )

    status, _ = asyncio.run(suite.run(ats.transport(), upload))

    assert results(status)["Created"] == (60, 0)
    assert ats.calls == ["discover", "discover", "tree", "unavailable", "batch"]  # once when it is accepted


def test_a_batch_that_is_too_large_for_the_ats_is_sent_in_halves(suite: Suite) -> None:
    ats = StandIn(max_batch=7)

    status, _ = asyncio.run(suite.run(ats.transport(), body(*({"name": f"X{n}"} for n in range(20)))))

    assert results(status)["Created"] == (20, 0)
    assert [value.name for value in ats.rules.values.values()] == [f"X{n}" for n in range(20)]
