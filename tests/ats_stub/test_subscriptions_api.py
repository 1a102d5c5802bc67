"""Subscriptions over HTTP, on both databases."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from catrelay.tokens import Scope
from tests.ats_stub.conftest import TOKEN
from tests.running import Running, running

WANTED = {"url": "http://192.0.2.7:9/hook", "topics": ["categories", "jobs/open"]}
NewToken = Callable[[str, str, Scope], str]


@pytest.fixture
def ats(database_url: str) -> Iterator[Running]:
    """An ATS that may ping an address where no one listens."""
    app = create_app(AtsSettings(database=database_url, allow_targets="192.0.2.0/24"))
    with running(app, tenant="acme", token=TOKEN) as service:
        yield service


@pytest.fixture
def careers(ats: Running, new_token: NewToken) -> Running:
    """The same ATS, seen by an app that may only read."""
    return ats.with_token(new_token("acme", "careers", "read"))


def subscribe(ats: Running, **members: Any) -> dict[str, Any]:
    made: dict[str, Any] = ats.post("/subscriptions", WANTED | members)
    return made


def path(subscription: dict[str, Any]) -> str:
    return f"/subscriptions/byID/{subscription['id']}"


def test_a_subscription_starts_at_the_present_and_shows_its_secret_once(careers: Running, ats: Running) -> None:
    ats.post("/orgs/values", {"name": "Sales"})

    response = careers.call("POST", "/subscriptions", WANTED)

    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/t/acme/subscriptions/byID/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert careers.get(path(made)) == {name: member for name, member in made.items() if name != "secret"}
    assert (made["app"], made["state"], made["lag"], made["cursor"]) == ("careers", "active", 0, 1)


def test_an_app_reaches_its_own_subscriptions_and_an_admin_all(
    ats: Running, careers: Running, new_token: NewToken
) -> None:
    reports = ats.with_token(new_token("acme", "reports", "write"))
    stranger = ats.with_token(new_token("beta", "careers", "admin"), tenant="beta")
    mine, other = subscribe(careers), subscribe(reports)

    for someone, subscription in ((careers, other), (reports, mine), (stranger, mine)):
        for method, rest, body in (
            ("GET", "", None),
            ("PATCH", "", {"batch": True}),
            ("DELETE", "", None),
            ("POST", "/pause", None),
            ("POST", "/resume", None),
            ("POST", "/replay", {"sinceCursor": 0}),
            ("POST", "/rotateSecret", None),
            ("GET", "/deliveries", None),
            ("PUT", "/applied", {"seq": 1}),
        ):
            assert someone.refused(method, path(subscription) + rest, body) == (404, "not-found")

    assert [found["id"] for found in careers.get("/subscriptions")["results"]] == [mine["id"]]
    assert [found["id"] for found in ats.get("/subscriptions")["results"]] == [mine["id"], other["id"]]
    assert stranger.get("/subscriptions") == {"results": []}
    assert ats.call("DELETE", path(other)).status_code == 204
    assert reports.refused("GET", path(other)) == (404, "not-found")


def test_the_list_is_paged_by_id(ats: Running) -> None:
    ids = [subscribe(ats)["id"] for _ in range(3)]

    first = ats.get("/subscriptions", limit=2)
    last = ats.get(first["next"].removeprefix("/t/acme"))

    assert [[found["id"] for found in page["results"]] for page in (first, last)] == [ids[:2], ids[2:]]
    assert "next" not in last
    assert ats.refused("GET", "/subscriptions", query={"limit": 1001}) == (400, "limit-exceeded")


def test_a_patch_changes_what_it_names(careers: Running) -> None:
    made = subscribe(careers)

    changed = careers.call("PATCH", path(made), {"topics": ["orgs", "orgs"], "url": "http://192.0.2.8/"}).json()

    assert (changed["url"], changed["topics"], changed["batch"]) == ("http://192.0.2.8/", ["orgs"], False)
    assert careers.get(path(made)) == changed
    assert careers.refused("PATCH", path(made), {"url": None}) == (400, "invalid-request")
    assert careers.refused("PATCH", path(made), {"topics": []}) == (400, "invalid-request")
    assert careers.refused("PATCH", path(made), {"url": "http://10.0.0.1/"}) == (400, "forbidden-target")


def test_a_subscriber_says_how_far_it_has_applied_the_journal(careers: Running) -> None:
    made = subscribe(careers)

    noted = careers.call("PUT", path(made) + "/applied", {"seq": 57}).json()

    assert noted["appliedSeq"] == 57
    assert careers.get(path(made))["appliedAt"] == noted["appliedAt"]
    assert careers.refused("PUT", path(made) + "/applied", {"seq": -1}) == (400, "invalid-request")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:8803", "forbidden-target"),
        ("http://localhost:8803", "forbidden-target"),
        ("http://[::ffff:10.0.0.1]/", "forbidden-target"),
        ("http://169.254.169.254/latest", "forbidden-target"),
        ("ftp://192.0.2.7/", "invalid-request"),
        ("http://user:password@192.0.2.7/", "invalid-request"),
        ("http://192.0.2.7/#part", "invalid-request"),
        ("http://no-such-host.invalid/", "invalid-request"),
    ],
)
def test_a_url_where_nothing_may_be_sent_is_refused(ats: Running, url: str, problem: str) -> None:
    assert ats.refused("POST", "/subscriptions", WANTED | {"url": url}) == (400, problem)
    assert ats.get("/subscriptions") == {"results": []}


def test_topics_are_those_of_the_contract(ats: Running) -> None:
    assert ats.refused("POST", "/subscriptions", WANTED | {"topics": ["jobs"]}) == (400, "invalid-request")
    assert ats.refused("POST", "/subscriptions", {"url": WANTED["url"]}) == (400, "invalid-request")
