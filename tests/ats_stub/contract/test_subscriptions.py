"""The rows of the contract about subscriptions."""

from collections.abc import Iterator
from typing import Any

import pytest

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from tests.ats_stub.contract.rows import row
from tests.running import Running, running

WANTED = {"url": "http://192.0.2.7:9/hook", "topics": ["users"]}


@pytest.fixture
def ats(ats: Running, database_url: str) -> Iterator[Running]:
    """The same ATS, which may ping an address where no one listens."""
    app = create_app(AtsSettings(database=database_url, allow_targets="192.0.2.0/24"))
    with running(app, tenant=ats.tenant, token=ats.token) as service:
        yield service


@pytest.fixture
def made(ats: Running) -> dict[str, Any]:
    """A subscription, as its creation answered it."""
    made: dict[str, Any] = ats.post("/subscriptions", WANTED)
    return made


def path(subscription: dict[str, Any]) -> str:
    return f"/subscriptions/byID/{subscription['id']}"


@row("POST /subscriptions")
def test_a_subscription_starts_at_the_present_and_tells_its_secret(ats: Running) -> None:
    ats.post("/orgs/values", {"name": "Sales"})

    response = ats.call("POST", "/subscriptions", WANTED)

    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/t/acme{path(made)}"
    assert made["secret"].startswith("whsec_")
    assert (made["state"], made["cursor"], made["lag"]) == ("active", 1, 0)


@row("GET /subscriptions")
def test_subscriptions_are_paged_by_id_without_their_secrets(ats: Running) -> None:
    made = [ats.post("/subscriptions", WANTED)["id"] for _ in range(2)]

    first = ats.get("/subscriptions", limit=1)
    last = ats.get("/subscriptions", gtID=made[0])

    assert [[each["id"] for each in page["results"]] for page in (first, last)] == [made[:1], made[1:]]
    assert first["next"].startswith("/t/acme/subscriptions?")
    assert "secret" not in first["results"][0]


@row("GET /subscriptions/byID/{subscription}")
def test_one_subscription_is_shown_without_its_secret(ats: Running, made: dict[str, Any]) -> None:
    assert ats.get(path(made)) == {name: member for name, member in made.items() if name != "secret"}
    assert ats.refused("GET", "/subscriptions/byID/999") == (404, "not-found")


@row("PATCH /subscriptions/byID/{subscription}")
def test_url_topics_and_batch_are_changed(ats: Running, made: dict[str, Any]) -> None:
    patch = {"url": "http://192.0.2.8/", "topics": ["orgs"], "batch": True}

    changed = ats.call("PATCH", path(made), patch)

    found = changed.json()
    assert changed.status_code == 200
    assert {name: found[name] for name in patch} == patch
    assert ats.get(path(made)) == found


@row("DELETE /subscriptions/byID/{subscription}")
def test_a_subscription_is_ended(ats: Running, made: dict[str, Any]) -> None:
    gone = ats.call("DELETE", path(made))

    assert (gone.status_code, gone.content) == (204, b"")
    assert ats.refused("GET", path(made)) == (404, "not-found")
    assert ats.get("/subscriptions") == {"results": []}


@row("POST /subscriptions/byID/{subscription}/pause")
def test_a_subscription_is_paused_and_keeps_its_place(ats: Running, made: dict[str, Any]) -> None:
    paused = ats.call("POST", f"{path(made)}/pause")
    ats.post("/users", {"person": {"givenName": "Ada"}})

    assert (paused.status_code, paused.json()["state"], paused.json()["paused"]) == (200, "suspended", True)
    found = ats.get(path(made))
    assert (found["state"], found["cursor"], found["lag"]) == ("suspended", made["cursor"], 1)


@row("POST /subscriptions/byID/{subscription}/replay")
def test_a_subscription_goes_back_to_a_place_that_it_was_at(ats: Running) -> None:
    ats.post("/users", {"person": {"givenName": "Ada"}})
    made = ats.post("/subscriptions", WANTED)
    ats.post(f"{path(made)}/pause", {})

    back = ats.call("POST", f"{path(made)}/replay", {"sinceCursor": 0})

    assert (back.status_code, back.json()["cursor"], back.json()["lag"]) == (200, 0, 1)
    assert (back.json()["state"], back.json()["paused"]) == ("suspended", True)
    assert ats.refused("POST", f"{path(made)}/replay", {"sinceCursor": 1}) == (400, "invalid-request")


@row("POST /subscriptions/byID/{subscription}/rotateSecret")
def test_a_secret_is_exchanged(ats: Running, made: dict[str, Any]) -> None:
    rotated = ats.call("POST", f"{path(made)}/rotateSecret")

    assert rotated.status_code == 200
    assert rotated.json()["secret"].startswith("whsec_")
    assert rotated.json()["secret"] != made["secret"]
    assert rotated.json()["oldSecretUntil"] > made["created"]
    assert "secret" not in ats.get(path(made))


@row("GET /subscriptions/byID/{subscription}/deliveries")
def test_deliveries_are_a_list(ats: Running, made: dict[str, Any]) -> None:
    assert ats.get(f"{path(made)}/deliveries", gtID=0, limit=1) == {"results": []}


@row("POST /subscriptions/byID/{subscription}/resume")
def test_a_subscription_is_resumed_suspended_or_not(ats: Running, made: dict[str, Any]) -> None:
    resumed = ats.call("POST", f"{path(made)}/resume")

    assert (resumed.status_code, resumed.json()["state"]) == (200, "active")
    assert "nextAttempt" not in resumed.json()


@row("PUT /subscriptions/byID/{subscription}/applied")
def test_a_subscriber_says_how_far_it_applied_the_journal(ats: Running, made: dict[str, Any]) -> None:
    noted = ats.call("PUT", f"{path(made)}/applied", {"seq": 57})

    assert (noted.status_code, noted.json()["appliedSeq"]) == (200, 57)
    assert ats.get(path(made)) == noted.json()
    assert noted.json()["appliedAt"] >= made["created"]
