"""Pings about users and candidates over real sockets, on both databases."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.answers import AnswerValidator
from tests.ats_stub.planting import holding, plant
from tests.ats_stub.test_delivery import delivered, delivering, subscribe, wait_until
from tests.receivers import Receiver
from tests.running import Running


@pytest.fixture
def ats(database_url: str) -> Iterator[Running]:
    """An ATS that may ping this machine."""
    with delivering(database_url) as service:
        yield service


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as receiver:
        yield receiver


def sent(ats: Running, receiver: Receiver, *subscriptions: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Path and operation of what came, which is forgotten, once all of *subscriptions* were told everything."""
    for subscription in subscriptions:
        wait_until(ats, subscription, delivered)
    found: Counter[tuple[str, str]] = Counter()
    for request in receiver.received:
        AnswerValidator().check_ping(request.path.partition("/t/acme")[2], request.body)
        found[request.path, orjson.loads(request.body)["operation"]] += 1
    receiver.received.clear()
    return found


def test_who_is_made_or_changed_is_pinged_to_those_who_want_to_hear_of_it(ats: Running, receiver: Receiver) -> None:
    users = subscribe(ats, f"{receiver.url}/u", "users")
    both = subscribe(ats, f"{receiver.url}/b", "users", "candidates")

    user, candidate = (ats.post(path, {"person": {"givenName": "Ann"}})["id"] for path in ("/users", "/candidates"))
    of_user, of_candidate = f"/t/acme/users/byID/{user}/deltaPings", f"/t/acme/candidates/byID/{candidate}/deltaPings"
    made = sent(ats, receiver, users, both)
    for path, body in (
        (f"/users/byID/{user}", {"manager": {}}),
        (f"/candidates/byID/{candidate}", {"notifications": True}),
    ):
        ats.call("PATCH", path, body)
        ats.call("PATCH", path, body)
    changed = sent(ats, receiver, users, both)

    assert made == Counter([(f"/u{of_user}", "insert"), (f"/b{of_user}", "insert"), (f"/b{of_candidate}", "insert")])
    assert changed == Counter([(f"/u{of_user}", "update"), (f"/b{of_user}", "update"), (f"/b{of_candidate}", "update")])


@pytest.mark.parametrize("remap", [True, False], ids=["remapped", "inactivated"])
def test_whoever_a_remap_or_an_inactivation_touches_is_pinged_once(
    ats: Running, receiver: Receiver, remap: bool
) -> None:
    tree = plant(ats)
    north, south = (ats.post("/orgs/values", {"name": name})["id"] for name in ("North", "South"))
    users = [ats.post("/users", {"orgs": orgs})["id"] for orgs in ([north], [north, south], [north])]
    candidates = [ats.post("/candidates", holding(tree.category, tree.data))["id"] for _ in range(3)]
    ats.post("/users", {"orgs": [south]})
    ats.post("/candidates", holding(tree.category, tree.cloud))
    subscription = subscribe(ats, receiver.url, "users", "candidates")

    for path, value, target in (("/orgs/values", north, south), (tree.values, tree.data, tree.cloud)):
        gone: dict[str, Any] = {"id": value, "available": False} | ({"remappedTo": target} if remap else {})
        ats.post(path, gone)

    expected = [f"/t/acme/users/byID/{user}/deltaPings" for user in users]
    expected += [f"/t/acme/candidates/byID/{candidate}/deltaPings" for candidate in candidates]
    assert sent(ats, receiver, subscription) == Counter((path, "update") for path in expected)
