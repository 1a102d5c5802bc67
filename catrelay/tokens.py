"""Bearer tokens: who holds one, and what it allows. Source: docs/contract/, "Common to all services"."""

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Scope = Literal["read", "write", "admin", "intake"]
_INCLUDED: dict[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "admin": frozenset({"read", "write", "admin"}),
    "intake": frozenset({"intake"}),
}

TOKEN_PREFIX = "catrelay_"
TOKEN_BYTES = 32
MAX_TENANT_CHARACTERS = 100


@dataclass(frozen=True)
class Access:
    """What a token stands for: one app in one tenant. tenant_id: the service's own number for the tenant.

    expires: from then on it stands for nothing; None: it does not expire.
    """

    tenant_id: int
    tenant: str
    app: str
    scope: Scope
    expires: datetime | None = None

    def allows(self, needed: Scope) -> bool:
        """admin includes write, write includes read; intake stands alone."""
        return needed in _INCLUDED[self.scope]

    def has_expired(self, now: datetime) -> bool:
        """Whether the token was good for a time that is over."""
        return self.expires is not None and self.expires <= now


@dataclass(frozen=True)
class TokenInfo:
    """A token as listed: everything but the token. last_used: some minutes late; None: never so far."""

    id: int
    app: str
    scope: Scope
    created: datetime
    expires: datetime | None = None
    last_used: datetime | None = None


@dataclass(frozen=True)
class Connection:
    """How this service reaches another one for a tenant. name: `ats`, or the other app's."""

    name: str
    url: str
    token: str


class UnknownTenant(Exception):
    """There is no tenant of that name here."""

    def __init__(self, tenant: str) -> None:
        super().__init__(f"there is no tenant {tenant!r}")


class BadTenantName(ValueError):
    """No tenant may be called that."""


class KnownTokens(Protocol):
    """The tokens that a service accepts."""

    def access(self, token_hash: str) -> Access | None:
        """What the token with this hash stands for, also when it has expired. Read anew each time: revoking holds."""

    def note_use(self, token_hash: str, at: datetime) -> None:
        """Remember, for `record_uses`, that the token was used. Costs no access to the database."""


class Registry(KnownTokens, Protocol):
    """A service's tenants, the tokens it accepts, and its connections to other services."""

    def migrate(self) -> None:
        """Bring the schema up to date."""

    def check_schema(self) -> None:
        """Raise SchemaMismatch unless the schema is the one this version works with."""

    def add_tenant(self, tenant: str) -> None:
        """Make the tenant unless it is there. Raises BadTenantName."""

    def tenants(self) -> list[str]:
        """Names, in alphabetical order."""

    def remove_tenant(self, tenant: str) -> None:
        """Remove the tenant with all its data. Raises UnknownTenant."""

    def add_token(self, tenant: str, app: str, scope: Scope, *, expires: datetime | None = None) -> str:
        """A new token. It is shown here and never again. Raises UnknownTenant."""

    def accept_token(self, tenant: str, app: str, scope: Scope, token: str, *, expires: datetime | None = None) -> None:
        """Accept *token*, which `new_token` made; a repeat changes nothing. Raises UnknownTenant."""

    def tokens(self, tenant: str) -> list[TokenInfo]:
        """All tokens of the tenant, oldest first. Raises UnknownTenant."""

    def revoke_token(self, tenant: str, token_id: int) -> bool:
        """Whether there was such a token; it is refused from now on. Raises UnknownTenant."""

    def record_uses(self) -> None:
        """Write down the uses that were noted, of each token one in several minutes at most."""

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


def check_tenant_name(name: str) -> None:
    """Raise BadTenantName unless *name* can be a tenant's. Source: docs/contract/command-line.md, "Tenants"."""
    if not 0 < len(name) <= MAX_TENANT_CHARACTERS:
        raise BadTenantName(f"a tenant's name has 1 to {MAX_TENANT_CHARACTERS} characters")
    if not name.isprintable() or name != name.strip():
        raise BadTenantName("a tenant's name has no control or invisible characters, and no space at its ends")
    if set(name) & set(r"/\?#%") or name in (".", ".."):
        raise BadTenantName("a tenant's name is a part of paths: it has none of / \\ ? # % and is not . or ..")
    if not unicodedata.is_normalized("NFC", name):
        raise BadTenantName("a tenant's name is in Unicode's form NFC, so that what looks the same is the same")
