import pytest

from catrelay.vault import MIN_KEY_CHARACTERS, SecretKeyMissing, Vault

OLD, NEW = "old key, drawn by chance, 32 long", "new key, drawn by chance, 32 long"
SECRET = "whsec_c2VjcmV0"


def test_a_secret_is_opened_by_the_key_that_sealed_it() -> None:
    stored = Vault([OLD]).seal(SECRET)

    assert SECRET not in stored
    assert Vault([OLD]).open(stored) == SECRET


def test_the_same_secret_is_stored_differently_each_time() -> None:
    vault = Vault([OLD])

    assert vault.seal(SECRET) != vault.seal(SECRET)


def test_without_keys_a_secret_is_stored_as_it_is() -> None:
    vault = Vault()

    assert not vault.has_keys
    assert vault.seal(SECRET) == vault.open(SECRET) == vault.renew(SECRET) == SECRET


def test_what_was_stored_before_there_was_a_key_is_opened_and_renewed() -> None:
    vault = Vault([NEW])

    assert vault.open(SECRET) == SECRET
    assert vault.open(vault.renew(SECRET)) == SECRET
    assert vault.renew(SECRET) != SECRET


def test_an_older_key_opens_and_the_first_one_takes_over() -> None:
    stored = Vault([OLD]).seal(SECRET)

    renewed = Vault([NEW, OLD]).renew(stored)

    assert Vault([NEW, OLD]).open(stored) == SECRET
    assert Vault([NEW]).open(renewed) == SECRET
    assert Vault([NEW, OLD]).renew(renewed) == renewed


@pytest.mark.parametrize("keys", [[], [NEW]])
def test_a_secret_whose_key_is_not_there_is_not_opened(keys: list[str]) -> None:
    stored = Vault([OLD]).seal(SECRET)

    for attempt in (Vault(keys).open, Vault(keys).renew):
        with pytest.raises(SecretKeyMissing, match="CATRELAY_SECRET_KEYS"):
            attempt(stored)


def test_a_secret_that_was_altered_is_not_opened() -> None:
    stored = Vault([OLD]).seal(SECRET)
    altered = stored[:-10] + ("A" if stored[-10] != "A" else "B") + stored[-9:]

    with pytest.raises(SecretKeyMissing):
        Vault([OLD]).open(altered)


def test_keys_are_derived_as_ever_so_that_what_was_stored_can_be_opened() -> None:
    stored = (
        "sealed:gAAAAABrA0SCBluvTEpMNDe4-qrQ0nG9ZnVKWnsNABSC8UP6M_GHNO0kPqpNX-nb5ZNjQfEKilF1Eo8m4HaqKPsXMTxJStkoAw=="
    )

    assert Vault([OLD]).open(stored) == SECRET


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match=str(MIN_KEY_CHARACTERS)):
        Vault(["x" * (MIN_KEY_CHARACTERS - 1)])
