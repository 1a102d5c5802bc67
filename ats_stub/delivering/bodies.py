"""The bodies of pings, read once for all subscribers that are told of the same at the same time."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from ats_stub.delivering.batch import Batch
from ats_stub.domain.pings import Ping
from catrelay.models import DeltaPing

MAX_AGE_SECONDS = 1.0
MAX_BODIES = 10_000

_Name = tuple[int, str, int]
Read = Callable[[int, Sequence[Ping]], Awaitable[Mapping[Ping, bytes]]]

_OF_OPERATIONS = {operation: DeltaPing(operation=operation).to_json() for operation in ("insert", "update", "delete")}


class Bodies:
    """Gives the bodies of a tenant's pings. read: as `read_bodies`; clock: seconds.

    What is told may be a second old: whatever changed it since is a change of its own, and told after this.
    """

    def __init__(self, read: Read, clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._known: dict[_Name, bytes | None] = {}
        self._forget_at = 0.0
        self._asking = Batch(self._read_all)

    async def of(self, tenant: int, pings: Iterable[Ping]) -> dict[Ping, bytes]:
        """The body of each ping; those about something that is gone are left out."""
        self._forget_old()
        bodies: dict[Ping, bytes | None] = {}
        unknown: list[Ping] = []
        for ping in pings:
            name = _name(tenant, ping)
            if ping.subject in ("job", "user", "candidate"):
                bodies[ping] = _OF_OPERATIONS[ping.operation]
            elif name in self._known:
                bodies[ping] = self._known[name]
            else:
                unknown.append(ping)
        if unknown:
            bodies |= await self._asking.of((tenant, unknown))
        return {ping: body for ping, body in bodies.items() if body is not None}

    def learn(self, tenant: int, pings: Iterable[Ping], bodies: Mapping[Ping, bytes]) -> None:
        """Take in what was read right now."""
        self._forget_old()
        self._known |= {_name(tenant, ping): bodies.get(ping) for ping in pings}

    async def end(self) -> None:
        """Wait for what is being read."""
        await self._asking.end()

    def _forget_old(self) -> None:
        now = self._clock()
        if now >= self._forget_at or len(self._known) > MAX_BODIES:
            self._known = {}
            self._forget_at = now + MAX_AGE_SECONDS

    async def _read_all(self, asked: Sequence[tuple[int, Sequence[Ping]]]) -> list[dict[Ping, bytes | None]]:
        known = self._known
        unknown: defaultdict[int, dict[_Name, Ping]] = defaultdict(dict)
        for tenant, pings in asked:
            for ping in pings:
                if _name(tenant, ping) not in known:
                    unknown[tenant][_name(tenant, ping)] = ping
        for tenant, by_name in unknown.items():
            read = await self._read(tenant, list(by_name.values()))
            known |= {name: read.get(ping) for name, ping in by_name.items()}
        return [{ping: known[_name(tenant, ping)] for ping in pings} for tenant, pings in asked]


def _name(tenant: int, ping: Ping) -> _Name:
    return tenant, ping.path, ping.position
