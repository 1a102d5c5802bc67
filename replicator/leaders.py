"""Names of who leads, by which others on the same machine see at once that one is gone."""

import os
import socket
from uuid import uuid4

_PROCESS = uuid4().hex
"""Tells this process from an earlier one with its number."""


def new_leader() -> str:
    """A name that nobody else has: machine, process, and which of its replicators."""
    return f"{socket.gethostname()} {os.getpid()} {_PROCESS} {uuid4().hex}"


def is_gone(leader: str) -> bool:
    """Whether the process of *leader* is known to be no more; of another machine nothing is known."""
    host, _, rest = leader.partition(" ")
    number, _, rest = rest.partition(" ")
    if host != socket.gethostname() or not number.isdigit():
        return False
    if int(number) == os.getpid():
        return rest.partition(" ")[0] != _PROCESS
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's process: it lives
    return False
