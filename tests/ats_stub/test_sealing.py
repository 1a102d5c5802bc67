"""Stored secrets and the keys that seal them, when an ATS starts."""

import pytest
from sqlalchemy import select

from ats_stub.store import Store, schema
from ats_stub.store.sealing import seal_all
from catrelay.models import SubscriptionCreate
from catrelay.tokens import Access
from catrelay.vault import SecretKeyMissing, Vault
from tests.ats_stub.writing import NOW

OLD, NEW = "old key drawn by chance of 32 characters", "new key drawn by chance of 32 characters"
WANTED = SubscriptionCreate(url="http://192.0.2.7", topics=("categories",))
FIRST, SECOND = "whsec_Zmlyc3Q=", "whsec_c2Vjb25k"


def with_keys(store: Store, *keys: str) -> Store:
    return Store(store.database, vault=Vault(keys))


def subscribe(store: Store, access: Access, *secrets: str) -> None:
    """Subscriptions with these secrets, the second of which was exchanged for the first."""
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        made = unit.new_id()
        unit.subscriptions.insert(made, WANTED, app="tests", signing_secret=secrets[0], now=unit.now)
        for secret in secrets[1:]:
            unit.subscriptions.rotate_secret(made, secret, old_until=NOW)


def stored(store: Store) -> list[str | None]:
    """All secrets as they are stored, the present ones first."""
    table = schema.subscriptions
    with store.database.read() as connection:
        rows = connection.execute(select(table.c.secret, table.c.old_secret).order_by(table.c.id)).all()
    return [row.secret for row in rows] + [row.old_secret for row in rows]


def test_what_was_stored_in_clear_is_sealed_once_there_is_a_key(store: Store, access: Access) -> None:
    subscribe(store, access, FIRST, SECOND)
    subscribe(store, access, FIRST)
    assert stored(store) == [SECOND, FIRST, FIRST, None]

    keyed = with_keys(store, NEW)
    assert seal_all(keyed) == 3
    assert seal_all(keyed) == 0

    found = stored(store)
    assert not any(text and "whsec_" in text for text in found)
    assert [text and keyed.vault.open(text) for text in found] == [SECOND, FIRST, FIRST, None]


def test_what_an_older_key_sealed_is_sealed_anew(store: Store, access: Access) -> None:
    subscribe(with_keys(store, OLD), access, FIRST, SECOND)

    assert seal_all(with_keys(store, NEW, OLD)) == 2

    assert [text and Vault([NEW]).open(text) for text in stored(store)] == [SECOND, FIRST]


@pytest.mark.parametrize("keys", [[], [NEW]])
def test_without_the_key_nothing_is_changed(store: Store, access: Access, keys: list[str]) -> None:
    subscribe(store, access, FIRST)
    subscribe(with_keys(store, OLD), access, SECOND)
    before = stored(store)

    with pytest.raises(SecretKeyMissing):
        seal_all(with_keys(store, *keys))

    assert stored(store) == before


def test_a_store_without_keys_and_secrets_is_left_alone(store: Store) -> None:
    assert seal_all(store) == 0
