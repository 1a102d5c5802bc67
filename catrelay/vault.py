"""Secrets as they are stored: sealed by keys of the operator's. Source: docs/contract/, "Secrets at rest"."""

import base64
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MIN_KEY_CHARACTERS = 32
MAX_REMEMBERED = 10_000
_SEALED = "sealed:"
_PURPOSE = b"catrelay secrets at rest"
_FERNET_KEY_BYTES = 32


class SecretKeyMissing(Exception):
    """What is stored was sealed by none of the keys that are there, or was altered since."""

    def __init__(self) -> None:
        super().__init__("a stored secret cannot be opened: CATRELAY_SECRET_KEYS lacks the key that it was sealed by")


class Vault:
    """Seals and opens texts. keys: the first one seals, each one opens; without any, nothing is sealed."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._fernets = [Fernet(_fernet_key(key)) for key in keys]
        # Each round of delivery opens a secret; the same text is always opened to the same one.
        self._opened = lru_cache(MAX_REMEMBERED)(self._open)

    @property
    def has_keys(self) -> bool:
        """Whether anything is sealed."""
        return bool(self._fernets)

    def seal(self, text: str) -> str:
        """*text* as it is to be stored."""
        return _SEALED + self._fernets[0].encrypt(text.encode()).decode() if self._fernets else text

    def open(self, stored: str) -> str:
        """The text that was stored, with or without a key. Raises SecretKeyMissing."""
        return self._opened(stored) if stored.startswith(_SEALED) else stored

    def renew(self, stored: str) -> str:
        """What is to take the place of *stored*: the same, if the first key sealed it. Raises SecretKeyMissing."""
        if not self._fernets:
            return self.open(stored)
        is_of_first = stored.startswith(_SEALED) and self._is_of_first(stored)
        return stored if is_of_first else self.seal(self.open(stored))

    def _open(self, stored: str) -> str:
        for fernet in self._fernets:
            with suppress(InvalidToken):
                return fernet.decrypt(stored.removeprefix(_SEALED)).decode()
        raise SecretKeyMissing

    def _is_of_first(self, stored: str) -> bool:
        try:
            self._fernets[0].decrypt(stored.removeprefix(_SEALED))
        except InvalidToken:
            return False
        return True


def _fernet_key(key: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt: a key is no password, but long and drawn by chance."""
    if len(key) < MIN_KEY_CHARACTERS:
        raise ValueError(f"a key has at least {MIN_KEY_CHARACTERS} characters")
    derived = HKDF(SHA256(), _FERNET_KEY_BYTES, salt=None, info=_PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(derived)
