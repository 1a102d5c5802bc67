"""The latest attempts to reach each subscriber, on both databases."""

from collections.abc import Iterable

from ats_stub.operations import subscriptions
from ats_stub.store import Store
from ats_stub.store.attempts import KEPT_ATTEMPTS, MadeAttempt, store_attempts
from catrelay.models import SubscriptionCreate
from catrelay.tokens import Access
from tests.ats_stub.writing import NOW, written

WANTED = SubscriptionCreate(url="http://192.0.2.7/", topics=("orgs",))


def subscribe(store: Store, access: Access) -> int:
    return written(store, access, lambda unit: subscriptions.subscribe(unit, access, WANTED)).id


def made(number: int) -> MadeAttempt:
    return MadeAttempt(number, f"msg_{number}", "/orgs/deltaPings", 1, NOW, 7, 204, None, None)


def store_made(store: Store, access: Access, subscription: int, numbers: Iterable[int]) -> None:
    with store.database.write() as connection:
        store_attempts(connection, [(access.tenant_id, subscription, [made(number) for number in numbers])])


def kept(store: Store, access: Access, subscription: int) -> list[int]:
    with store.read(access.tenant_id) as unit:
        return [each.id for each in unit.subscriptions.deliveries(subscription, after=0, limit=10 * KEPT_ATTEMPTS)]


def test_only_the_latest_attempts_stay(store: Store, access: Access) -> None:
    key = subscribe(store, access)

    for first in range(1, 3 * KEPT_ATTEMPTS, 30):
        store_made(store, access, key, range(first, first + 30))

    assert kept(store, access, key) == list(range(2 * KEPT_ATTEMPTS + 1, 3 * KEPT_ATTEMPTS + 1))


def test_attempts_are_kept_for_each_subscription(store: Store, access: Access) -> None:
    busy, idle = subscribe(store, access), subscribe(store, access)
    store_made(store, access, idle, [1, 2])

    store_made(store, access, busy, range(1, KEPT_ATTEMPTS + 1))
    store_made(store, access, busy, [KEPT_ATTEMPTS + 1])

    assert kept(store, access, busy) == list(range(2, KEPT_ATTEMPTS + 2))
    assert kept(store, access, idle) == [1, 2]


def test_of_attempts_far_apart_that_share_a_place_the_latest_stays(store: Store, access: Access) -> None:
    key = subscribe(store, access)

    store_made(store, access, key, [2 * KEPT_ATTEMPTS + 5, 6, 5, KEPT_ATTEMPTS + 5])

    assert kept(store, access, key) == [6, 2 * KEPT_ATTEMPTS + 5]
