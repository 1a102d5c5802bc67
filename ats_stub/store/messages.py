"""What pings carry: the state of their objects at the time of sending."""

from collections.abc import Collection

from sqlalchemy import Connection

from ats_stub.domain.pings import Ping
from ats_stub.store.categories import has_category
from ats_stub.store.values import ValueStore
from catrelay.database import Database
from catrelay.models import DeltaPing


def read_bodies(database: Database, tenant: int, pings: Collection[Ping]) -> dict[Ping, bytes]:
    """The body of each ping. A ping about something that is gone, with its tenant perhaps, is left out."""
    with database.look() as connection:
        values = ValueStore(connection, tenant)
        values.read_all([ping.object for ping in pings if ping.subject == "value"])
        found = ((ping, _body(connection, tenant, values, ping)) for ping in pings)
        return {ping: body for ping, body in found if body is not None}


def _body(connection: Connection, tenant: int, values: ValueStore, ping: Ping) -> bytes | None:
    match ping.subject:
        case "value":
            value = values.value(ping.object)
            return None if value is None else value.as_answered().to_json()
        case "category":
            return b"" if has_category(connection, tenant, ping.object) else None
        case "categories":
            return b""
        case "job" | "user" | "candidate":
            return DeltaPing(operation=ping.operation).to_json()
