"""The four services as one suite: who may call whom, where each keeps its data, and the file that says so."""

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex

from pydantic import Field

from catrelay.cli.administer import unchecked
from catrelay.cli.failure import Failure
from catrelay.cli.output import say
from catrelay.cli.service import Service
from catrelay.models import Wire
from catrelay.tokens import Connection, Scope, new_token

SERVICES = ("ats", "uploader", "catman", "careersite")
"""In the order of their ports."""

ADMIN = "admin"
"""The app that the admin tokens of the ready file belong to."""

KEY_BYTES = 32
LOCK_POLL_SECONDS = 0.05
LOCK_WAIT_SECONDS = 12

Tokens = Mapping[str, Mapping[str, str]]
"""By service and app."""


@dataclass(frozen=True)
class Grant:
    """A token of *service*, held by *app*."""

    service: str
    app: str
    scope: Scope


GRANTS = (
    *(Grant(service, ADMIN, "admin") for service in SERVICES),
    Grant("ats", "uploader", "write"),
    Grant("ats", "catman", "write"),
    Grant("ats", "careersite", "read"),
    Grant("careersite", "catman", "read"),
)


class Member(Wire):
    """A running service. pid: absent while the service is held."""

    url: str
    token: str
    pid: int | None = None
    database: str


class Suite(Wire):
    """The ready file. Source: docs/contract/command-line.md, "The suite in one command"."""

    tenant: str
    pid: int
    ats: Member
    uploader: Member
    catman: Member
    careersite: Member

    def member(self, name: str) -> Member:
        """The service *name*."""
        member: Member = getattr(self, name)
        return member


class Secrets(Wire):
    """The suite's tokens, by tenant, service and app, and the key that seals what the ATS stores."""

    tokens: dict[str, dict[str, dict[str, str]]] = Field(default_factory=dict)
    secret_key: str = Field(default_factory=partial(token_hex, KEY_BYTES))


def read_suite(path: Path) -> Suite:
    """The ready file at *path*. Raises Failure when there is none."""
    try:
        return Suite.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Failure(f"{path} does not tell of a running suite: {error}") from error


def write_private(path: Path, data: Mapping[str, object]) -> None:
    """Put JSON in the place of *path* at once, for its owner's eyes only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")  # mkstemp makes it 0600
    with os.fdopen(descriptor, "w") as file:
        json.dump(data, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def secrets_of(folder: Path, tenant: str) -> Secrets:
    """What is kept in *folder*: the key, and at least this tenant's tokens. What is missing is made."""
    path = folder / "secrets.json"
    secrets = Secrets.model_validate_json(path.read_bytes()) if path.exists() else Secrets()
    tokens = secrets.tokens.setdefault(tenant, {})
    for grant in GRANTS:
        tokens.setdefault(grant.service, {}).setdefault(grant.app, new_token())
    write_private(path, secrets.to_document())
    return secrets


def set_up(service: Service, suite: Suite, tokens: Tokens) -> None:
    """Give *service* its schema, the tenant, the tokens it accepts and its connections; a repeat changes nothing."""
    with unchecked(service, suite.member(service.name).database) as registry:
        registry.migrate()
        registry.add_tenant(suite.tenant)
        for grant in GRANTS:
            if grant.service == service.name:
                registry.accept_token(suite.tenant, grant.app, grant.scope, tokens[grant.service][grant.app])
            elif grant.app == service.name:
                other = suite.member(grant.service)
                registry.connect(suite.tenant, Connection(grant.service, other.url, tokens[grant.service][grant.app]))


@contextmanager
def locked(folder: Path, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[int]:
    """Hold *folder* for one suite. Gives the lock's descriptor: services that inherit it hold the lock as well.

    Waits for the services of a suite that was just killed. Raises Failure when the folder stays in use.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + wait_seconds
        told = False
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise Failure(f"another suite runs on {folder}")
            if not told:
                say(f"Waiting for the suite that runs on {folder} to end")
                told = True
            time.sleep(LOCK_POLL_SECONDS)  # a file lock gives no event
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
