"""When tokens were last used: noted in memory by requests, written down besides them."""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

RECORD_EVERY = timedelta(minutes=5)
"""Of one token in one process, at most."""


class TokenUses:
    """The uses that one process has to write down, by the token's hash."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[str, datetime] = {}
        self._recorded: Mapping[str, datetime] = {}

    def note(self, token_hash: str, at: datetime) -> None:
        """The token was used."""
        recorded = self._recorded.get(token_hash)
        if recorded is None or at - recorded >= RECORD_EVERY:
            with self._lock:
                self._due[token_hash] = at

    def take(self) -> Mapping[str, datetime]:
        """What is to be written down now. It is not given again, even if that fails: another use will come."""
        with self._lock:
            due, self._due = self._due, {}
            if due:
                newest = max(due.values())
                known = {**self._recorded, **due}
                self._recorded = {token: at for token, at in known.items() if newest - at < RECORD_EVERY}
        return due
