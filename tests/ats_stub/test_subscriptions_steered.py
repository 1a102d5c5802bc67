"""Subscriptions that are paused, replayed, given other secrets and looked at, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row, delete, insert, select, update

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import open_database, schema
from catrelay.database import Database
from tests.ats_stub.conftest import TOKEN
from tests.running import Running, running
from tests.statements import noted_statements, watched_connections

KEY = "a key drawn by chance of 32 or more"
WANTED = {"url": "http://192.0.2.7:9/hook", "topics": ["categories"]}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

subscriptions = schema.subscriptions


@pytest.fixture
def ats(database_url: str) -> Iterator[Running]:
    """An ATS with a key, that may ping an address where no one listens."""
    settings = {"database": database_url, "allow_targets": "192.0.2.0/24", "secret_keys": KEY}
    with (
        watched_connections(),
        running(create_app(AtsSettings.model_validate(settings)), tenant="acme", token=TOKEN) as service,
    ):
        yield service


@pytest.fixture
def database(ats: Running, database_url: str) -> Iterator[Database]:
    """The ATS's database, for what the deliverer would do."""
    database = open_database(database_url)
    yield database
    database.close()


@pytest.fixture
def paused(ats: Running) -> dict[str, Any]:
    """A subscription to which nothing is sent, so that its lag stays."""
    made: dict[str, Any] = ats.post("/subscriptions", WANTED)
    ats.post(f"{path(made)}/pause", {})
    return made


def path(subscription: dict[str, Any]) -> str:
    return f"/subscriptions/byID/{subscription['id']}"


def change(ats: Running, count: int = 1) -> None:
    """Append to the change log, one row each."""
    for number in range(count):
        ats.post("/orgs/values", {"name": f"Office {number}"})


def stored(database: Database, subscription: dict[str, Any]) -> Row[tuple[Any, ...]]:
    with database.read() as connection:
        return connection.execute(select(subscriptions).where(subscriptions.c.id == subscription["id"])).one()


def set_row(database: Database, subscription: dict[str, Any], **values: object) -> None:
    with database.write() as connection:
        connection.execute(update(subscriptions).where(subscriptions.c.id == subscription["id"]).values(values))


def fail(database: Database, subscription: dict[str, Any], *, since: datetime) -> None:
    """Have a ping fail, to be sent again in a year."""
    row = {
        "tenant": 1,
        "subscription": subscription["id"],
        "ping": "/categories/deltaPings",
        "subject": "categories",
        "object": 0,
        "operation": "update",
        "position": 1,
        "attempts": 1,
        "since": since,
        "next_attempt": datetime.now(UTC) + timedelta(days=365),
    }
    with database.write() as connection:
        connection.execute(insert(schema.failing_pings).values(row))


@pytest.mark.parametrize("verb", ["pause", "resume", "replay"])
def test_what_has_ended_is_not_steered_any_more(
    ats: Running, database: Database, paused: dict[str, Any], verb: str
) -> None:
    set_row(database, paused, state="ended")

    assert ats.refused("POST", f"{path(paused)}/{verb}", {"sinceCursor": 0}) == (409, "conflict")


def test_a_pause_is_repeated_and_ends_when_it_is_resumed(ats: Running, paused: dict[str, Any]) -> None:
    again = ats.post(f"{path(paused)}/pause", {})
    resumed = ats.post(f"{path(paused)}/resume", {})

    assert (again["state"], again["paused"]) == ("suspended", True)
    assert (resumed["state"], resumed["paused"]) == ("active", False)


def test_a_pause_is_taken_over_from_a_suspension(ats: Running, database: Database) -> None:
    made = ats.post("/subscriptions", WANTED)
    set_row(database, made, state="suspended", failing_since=LONG_AGO)
    assert ats.get(path(made))["paused"] is False

    assert ats.post(f"{path(made)}/pause", {})["paused"] is True


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("PATCH", "", {"url": "http://192.0.2.8/"}),
        ("PATCH", "", {"topics": ["orgs"]}),
        ("PATCH", "", {"batch": True}),
        ("POST", "/pause", None),
        ("POST", "/resume", None),
        ("POST", "/replay", {"sinceCursor": 0}),
        ("POST", "/rotateSecret", None),
    ],
)
def test_whatever_the_deliverer_has_to_know_of_ends_its_lease(
    ats: Running, database: Database, paused: dict[str, Any], method: str, rest: str, body: object
) -> None:
    set_row(database, paused, leased_by="a deliverer", leased_until=datetime.now(UTC) + timedelta(days=1))

    assert ats.call(method, path(paused) + rest, body).status_code == 200

    row = stored(database, paused)
    assert (row.leased_by, row.leased_until) == (None, None)


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("PATCH", "", {"url": WANTED["url"]}), ("PATCH", "", {}), ("PUT", "/applied", {"seq": 1})],
)
def test_what_changes_nothing_for_the_deliverer_leaves_it_its_lease(
    ats: Running, database: Database, paused: dict[str, Any], method: str, rest: str, body: object
) -> None:
    set_row(database, paused, leased_by="a deliverer", leased_until=datetime.now(UTC) + timedelta(days=1))

    assert ats.call(method, path(paused) + rest, body).status_code == 200

    assert stored(database, paused).leased_by == "a deliverer"


def test_a_change_of_url_leaves_a_pause_as_it_is(ats: Running, paused: dict[str, Any]) -> None:
    changed = ats.call("PATCH", path(paused), {"url": "http://192.0.2.8/"}).json()

    assert (changed["state"], changed["paused"]) == ("suspended", True)


def test_a_replay_starts_anew_within_a_remap_and_makes_all_due(ats: Running, database: Database) -> None:
    change(ats, 3)
    made = ats.post("/subscriptions", WANTED)
    year = datetime.now(UTC) + timedelta(days=365)
    set_row(database, made, state="backing-off", next_attempt=year, cursor_object=7, leased_until=year, leased_by="x")
    fail(database, made, since=LONG_AGO)
    ats.post(f"{path(made)}/pause", {})

    back = ats.post(f"{path(made)}/replay", {"sinceCursor": 2})

    row = stored(database, made)
    assert (row.cursor, row.cursor_object, row.next_attempt) == (2, 0, None)
    assert (back["cursor"], back["lag"], back["missed"]) == (2, 2, 0)
    with database.read() as connection:
        assert connection.execute(select(schema.failing_pings.c.next_attempt)).scalar_one() < year


def test_a_place_that_was_not_reached_is_refused_by_its_member(ats: Running, paused: dict[str, Any]) -> None:
    change(ats)

    refused = ats.call("POST", f"{path(paused)}/replay", {"sinceCursor": 1})

    assert refused.status_code == 400
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/sinceCursor"]
    assert ats.get(path(paused))["cursor"] == 0


@pytest.mark.parametrize(("kept", "missed"), [(5, 0), (3, 2), (0, 5)])
def test_changes_that_are_no_longer_kept_are_missed(
    ats: Running, database: Database, paused: dict[str, Any], kept: int, missed: int
) -> None:
    change(ats, 5)
    with database.write() as connection:
        connection.execute(delete(schema.changes).where(schema.changes.c.position <= 5 - kept))

    found = ats.get(path(paused))

    assert (found["lag"], found["missed"]) == (5, missed)


def test_the_lag_is_as_old_as_what_was_not_delivered_first(
    ats: Running, database: Database, paused: dict[str, Any]
) -> None:
    assert (ats.get(path(paused))["lag"], ats.get(path(paused))["lagSeconds"]) == (0, 0)
    change(ats, 2)
    assert ats.get(path(paused))["lagSeconds"] < 3_600

    ages = []
    for position, at in ((2, datetime.now(UTC) - timedelta(hours=1)), (1, datetime.now(UTC) - timedelta(hours=2))):
        with database.write() as connection:
            connection.execute(update(schema.changes).where(schema.changes.c.position == position).values(at=at))
        ages.append(ats.get(path(paused))["lagSeconds"] // 3_600)
    fail(database, paused, since=datetime.now(UTC) - timedelta(hours=3))
    ages.append(ats.get(path(paused))["lagSeconds"] // 3_600)

    assert ages == [0, 2, 3]
    assert ats.get(path(paused))["lag"] == 3


def test_when_nothing_is_kept_the_lag_is_as_old_as_the_last_success(
    ats: Running, database: Database, paused: dict[str, Any]
) -> None:
    change(ats)
    with database.write() as connection:
        connection.execute(delete(schema.changes))
    set_row(database, paused, last_success=datetime.now(UTC) - timedelta(hours=5))

    assert ats.get(path(paused))["lagSeconds"] // 3_600 == 5


def test_many_are_listed_by_one_statement(ats: Running) -> None:
    for _ in range(3):
        ats.post("/subscriptions", WANTED)

    with noted_statements() as noted:
        assert len(ats.get("/subscriptions")["results"]) == 3

    assert len([sql for sql in noted if "FROM subscriptions" in sql]) == 1


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"keepSeconds": null}'])
def test_a_secret_that_was_exchanged_signs_for_a_day_more_unless_it_is_said(
    ats: Running, paused: dict[str, Any], content: bytes | None
) -> None:
    rotated = ats.call("POST", f"{path(paused)}/rotateSecret", content=content).json()

    left = datetime.fromisoformat(rotated["oldSecretUntil"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    assert ats.get(path(paused))["oldSecretUntil"] == rotated["oldSecretUntil"]


def test_the_old_secret_may_end_at_once(ats: Running, database: Database, paused: dict[str, Any]) -> None:
    rotated = ats.post(f"{path(paused)}/rotateSecret", {"keepSeconds": 0})

    assert "oldSecretUntil" not in rotated
    assert (stored(database, paused).old_secret, stored(database, paused).old_secret_until) == (None, None)


def test_there_are_two_secrets_at_most(ats: Running, database: Database, paused: dict[str, Any]) -> None:
    first, second = (ats.post(f"{path(paused)}/rotateSecret", {"keepSeconds": 60})["secret"] for _ in range(2))

    row, vault = stored(database, paused), AtsSettings.model_validate({"database": "x", "secret_keys": KEY}).vault
    assert [vault.open(each) for each in (row.secret, row.old_secret)] == [second, first]
    assert len({paused["secret"], first, second}) == 3


def test_an_old_secret_whose_time_is_over_is_not_shown(
    ats: Running, database: Database, paused: dict[str, Any]
) -> None:
    ats.post(f"{path(paused)}/rotateSecret", {})
    set_row(database, paused, old_secret_until=LONG_AGO)

    assert "oldSecretUntil" not in ats.get(path(paused))


def test_an_old_secret_is_kept_for_a_week_at_most(ats: Running, paused: dict[str, Any]) -> None:
    for seconds in (-1, 604_801):
        answer = ats.refused("POST", f"{path(paused)}/rotateSecret", {"keepSeconds": seconds})
        assert answer == (400, "invalid-request")


def test_secrets_are_told_to_repeats_but_stored_nowhere_in_clear(ats: Running, database: Database) -> None:
    made, again = (ats.call("POST", "/subscriptions", WANTED, headers={"idempotency-key": "s"}) for _ in range(2))
    rotate = f"{path(made.json())}/rotateSecret"
    rotated, once_more = (ats.call("POST", rotate, headers={"idempotency-key": "r"}) for _ in range(2))

    assert made.json() == again.json()
    assert made.headers["location"] == again.headers["location"]
    assert rotated.json() == once_more.json()
    assert rotated.json()["secret"] != made.json()["secret"]
    with database.read() as connection:
        bodies = [bytes(body) for body in connection.scalars(select(schema.answers.c.body))]
    assert len(bodies) == 2
    assert not any(b"whsec_" in body for body in bodies)
    row = stored(database, made.json())
    assert all(each.startswith("sealed:") for each in (row.secret, row.old_secret))


def test_a_repeat_after_its_subscription_went_tells_no_secret(ats: Running) -> None:
    made = ats.call("POST", "/subscriptions", WANTED, headers={"idempotency-key": "s"}).json()
    ats.call("DELETE", path(made))

    again = ats.call("POST", "/subscriptions", WANTED, headers={"idempotency-key": "s"})

    assert (again.status_code, again.json()["id"]) == (201, made["id"])
    assert "secret" not in again.json()


def test_a_condition_holds_while_only_delivery_goes_on(
    ats: Running, database: Database, paused: dict[str, Any]
) -> None:
    seen = ats.call("GET", path(paused)).headers["etag"]
    change(ats)
    set_row(database, paused, last_error="no answer", last_success=LONG_AGO)
    later = ats.call("GET", path(paused), headers={"if-none-match": seen})
    assert later.status_code == 200
    assert later.headers["etag"] != seen

    changed = ats.call("PATCH", path(paused), {"batch": True}, headers={"if-match": seen})
    refused = ats.refused("PATCH", path(paused), {"batch": False}, headers={"if-match": seen})
    not_gone = ats.refused("DELETE", path(paused), headers={"if-match": later.headers["etag"]})
    gone = ats.call("DELETE", path(paused), headers={"if-match": changed.headers["etag"]})

    assert changed.status_code == 200
    assert refused == not_gone == (412, "precondition-failed")
    assert gone.status_code == 204


def test_what_was_made_is_changed_by_the_tag_it_was_answered_with(ats: Running) -> None:
    made = ats.call("POST", "/subscriptions", WANTED)

    paused = ats.call("POST", f"{path(made.json())}/pause")

    tag = {"if-match": made.headers["etag"]}
    assert ats.refused("PATCH", path(made.json()), {"batch": True}, headers=tag) == (412, "precondition-failed")
    tag = {"if-match": paused.headers["etag"]}
    assert ats.call("PATCH", path(made.json()), {"batch": True}, headers=tag).status_code == 200


def attempt(subscription: dict[str, Any], number: int, **members: object) -> dict[str, object]:
    row: dict[str, object] = {
        "tenant": 1,
        "subscription": subscription["id"],
        "place": number % 100,
        "number": number,
        "message": f"msg_{number}",
        "path": "/categories/deltaPings",
        "pings": 1,
        "at": LONG_AGO,
        "milliseconds": 12,
        "status": 204,
        "error": None,
        "next_attempt": None,
    }
    return row | members


def test_the_latest_attempts_are_listed_ascending_and_paged(
    ats: Running, database: Database, paused: dict[str, Any]
) -> None:
    failed = {"status": None, "error": "no answer within 15 s", "next_attempt": LONG_AGO + timedelta(seconds=2)}
    rows = [attempt(paused, number) for number in (100, 101, 99)] + [attempt(paused, 102, **failed)]
    with database.write() as connection:
        connection.execute(insert(schema.attempts), rows)

    first = ats.get(f"{path(paused)}/deliveries", limit=3)
    last = ats.get(first["next"].removeprefix("/t/acme"))

    assert [each["id"] for each in first["results"]] == [99, 100, 101]
    assert first["results"][0] == {
        "id": 99,
        "messageId": "msg_99",
        "path": "/categories/deltaPings",
        "pings": 1,
        "at": "2026-01-01T00:00:00Z",
        "milliseconds": 12,
        "status": 204,
    }
    (failure,) = last["results"]
    assert (failure["error"], failure["nextAttempt"]) == ("no answer within 15 s", "2026-01-01T00:00:02Z")
    assert "status" not in failure
    assert "next" not in last
    assert ats.refused("GET", f"{path(paused)}/deliveries", query={"limit": 1001}) == (400, "limit-exceeded")
