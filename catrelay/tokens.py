"""Bearer tokens: who holds one, and what it allows. Source: docs/contract/, "Common to all services"."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Scope = Literal["read", "write", "admin"]
_RANK: dict[Scope, int] = {"read": 1, "write": 2, "admin": 3}

TOKEN_PREFIX = "catrelay_"
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Access:
    """What a token stands for: one app in one tenant. tenant_id: the service's own number for the tenant."""

    tenant_id: int
    tenant: str
    app: str
    scope: Scope

    def allows(self, needed: Scope) -> bool:
        """Scopes include each other: admin, write, read."""
        return _RANK[self.scope] >= _RANK[needed]


@dataclass(frozen=True)
class TokenInfo:
    """A token as listed: everything but the token."""

    id: int
    app: str
    scope: Scope
    created: datetime


@dataclass(frozen=True)
class Connection:
    """How this service reaches another one for a tenant. name: `ats`, or the other app's."""

    name: str
    url: str
    token: str


class UnknownTenant(Exception):
    """There is no tenant of that name here."""


class Registry(Protocol):
    """A service's tenants, the tokens it accepts, and its connections to other services."""

    def migrate(self) -> None:
        """Bring the schema up to date."""

    def check_schema(self) -> None:
        """Raise SchemaMismatch unless the schema is the one this version works with."""

    def add_tenant(self, tenant: str) -> None:
        """Make the tenant unless it is there."""

    def tenants(self) -> list[str]:
        """Names, in alphabetical order."""

    def remove_tenant(self, tenant: str) -> None:
        """Remove the tenant with all its data. Raises UnknownTenant."""

    def add_token(self, tenant: str, app: str, scope: Scope) -> str:
        """A new token. It is shown here and never again. Raises UnknownTenant."""

    def accept_token(self, tenant: str, app: str, scope: Scope, token: str) -> None:
        """Accept *token*, which `new_token` made; a repeat changes nothing. Raises UnknownTenant."""

    def tokens(self, tenant: str) -> list[TokenInfo]:
        """All tokens of the tenant, oldest first. Raises UnknownTenant."""

    def revoke_token(self, tenant: str, token_id: int) -> bool:
        """Whether there was such a token; it is refused from now on. Raises UnknownTenant."""

    def access(self, token_hash: str) -> Access | None:
        """What the token with this hash stands for."""

    def connect(self, tenant: str, connection: Connection) -> None:
        """Keep the connection, in place of one of the same name. Raises UnknownTenant."""

    def connections(self, tenant: str) -> list[Connection]:
        """All connections of the tenant, by name. Raises UnknownTenant."""

    def close(self) -> None:
        """Close the database."""


class SchemaMismatch(Exception):
    """The database's schema is older or newer than this version of the software."""


def new_token() -> str:
    """A token no one can guess (256 random bits)."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """What is stored in place of *token*: SHA-256 in hex. A random token of 256 bits needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
