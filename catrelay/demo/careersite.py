"""The career site's own resources, as a client sees them."""

from pydantic import RootModel

from catrelay.models import Id, ReceivedPings, ReplicaStatus, Text, Wire
from catrelay.service_client import ServiceClient

PAGE_PINGS = 1_000


class TestimonialRead(Wire):
    """A testimonial. value: None once its value was inactivated without successor."""

    id: Id
    author: Text
    text: Text
    category: Id
    value: Id | None = None


class Testimonials(RootModel[tuple[TestimonialRead, ...]]):
    """All testimonials, or those at a value."""


class CareersiteClient(ServiceClient):
    """The career site, for one tenant."""

    async def testimonials(self) -> tuple[TestimonialRead, ...]:
        """All testimonials."""
        return (await self.get("/testimonials", Testimonials)).root

    async def post_testimonial(self, author: str, text: str, category: int, value: int) -> TestimonialRead:
        """Publish a testimonial."""
        body = {"author": author, "text": text, "category": category, "value": value}
        return await self.post("/testimonials", TestimonialRead, body)

    async def status(self) -> ReplicaStatus:
        """How the replica stands."""
        return await self.get("/replica/status", ReplicaStatus)

    async def ping_paths(self, *, after: int) -> frozenset[str]:
        """Paths of the pings that arrived after the one with the id *after*."""
        paths: set[str] = set()
        while True:
            page = await self.get("/replica/pings", ReceivedPings, {"gtID": after, "limit": PAGE_PINGS})
            paths.update(ping.path for ping in page.results)
            if page.next is None:
                return frozenset(paths)
            after = page.results[-1].id

    async def last_ping(self) -> int:
        """The id of the last ping that arrived; 0 before the first."""
        last = (await self.status()).last_ping
        return 0 if last is None else last.id


def standing(status: ReplicaStatus) -> str:
    """How the replica stands, in words."""
    trouble = f", its last trouble: {status.last_error}" if status.last_error else ""
    return f"its cursor is {status.cursor}{trouble}"
