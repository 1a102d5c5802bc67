"""What pings carry: the state of their objects at the time of sending."""

from collections.abc import Iterable

from ats_stub.domain.pings import Ping
from ats_stub.store.unit import Store, Unit
from catrelay.models import DeltaPing


def read_bodies(store: Store, tenant: int, pings: Iterable[Ping]) -> dict[Ping, bytes]:
    """The body of each ping, from one snapshot. A ping about something that is gone is left out."""
    with store.read(tenant) as unit:
        found = ((ping, _body(unit, ping)) for ping in pings)
        return {ping: body for ping, body in found if body is not None}


def _body(unit: Unit, ping: Ping) -> bytes | None:
    match ping.subject:
        case "value":
            value = unit.values.value(ping.object)
            return None if value is None else value.as_answered().to_json()
        case "category":
            return None if unit.categories.get(ping.object) is None else b""
        case "categories":
            return b""
        case "job" | "user" | "candidate":
            return DeltaPing(operation=ping.operation).to_json()
