"""Who uses the services while they are killed: administrators, a recruiter, editors, a master system."""

from collections.abc import Callable

from catrelay.client import values_path
from catrelay.demo.careersite import TestimonialRead
from catrelay.demo.stage import eventually
from catrelay.models import (
    CategoryValue,
    CategoryValuesUpload,
    CategoryValueUpload,
    CategoryValueWrite,
    JobRead,
    UploadStatus,
)
from catrelay.problems import RemapTargetUnavailable
from replicator.careersite.models import Article, Articles
from tests.system.acknowledged import Acknowledged, Value
from tests.system.insistent import Client, Look, Services, insist, nothing

FEWEST_VALUES = 3
MOST_PLACES_LEAVING = 5


class Admin(Client):
    """Keeps some values: nobody else renames them or takes them away.

    has_keys: repeats a request with its Idempotency-Key, instead of looking up what it did.
    """

    def __init__(self, name: str, services: Services, known: Acknowledged, seed: int, *, has_keys: bool) -> None:
        super().__init__(name, services, known, seed)
        self._has_keys = has_keys
        self._kept: list[Value] = []

    async def act(self) -> None:
        kept = [value for value in self._kept if value.state == "here"]
        chosen = self.chance.choices([self._rename, self._remap, self._inactivate, None], [3, 3, 1, 5])[0]
        if chosen is None or len(kept) < FEWEST_VALUES:
            await self.create()
        else:
            await chosen(self.chance.choice(kept))

    async def create(self) -> None:
        """Make a value."""
        word = self.new_word()
        write = CategoryValueWrite(name=word) if self._has_keys else CategoryValueWrite(name=word, external_id=word)

        async def made() -> int | None:
            found = await self.services.ats.value_by_external_id(self.known.category, word)
            return None if found is None else found.id

        value = Value(await self._written(write, made), word)
        self.known.values[value.id] = value
        self._kept.append(value)

    async def _rename(self, value: Value) -> None:
        word = self.new_word()
        await self._written(CategoryValueWrite(id=value.id, name=word), self._finding(value, lambda v: v.name == word))
        value.name = word

    async def _remap(self, value: Value) -> None:
        value.state = "leaving"
        successor = self.known.some_value(self.chance, besides=value.id)
        write = CategoryValueWrite(id=value.id, available=False, remapped_to=successor)
        try:
            await self._written(write, self._finding(value, lambda v: not v.available))
        except RemapTargetUnavailable:
            assert self.known.may_be_gone([successor]), f"value {value.id} may be remapped to {successor}"
            value.state = "here"
        else:
            value.state, value.successor = "gone", successor

    async def _inactivate(self, value: Value) -> None:
        value.state = "leaving"
        write = CategoryValueWrite(id=value.id, available=False)
        await self._written(write, self._finding(value, lambda v: not v.available))
        value.state = "gone"

    async def _written(self, write: CategoryValueWrite, look: Look) -> int:
        ats = self.services.ats
        headers = {"idempotency-key": self.new_word()} if self._has_keys else None

        async def ask() -> int:
            path = values_path(self.known.category)
            return ats.parse(await ats.request("POST", path, body=write, headers=headers), CategoryValue).id

        return await self.once(ask, nothing if self._has_keys else look)

    def _finding(self, value: Value, is_done: Callable[[CategoryValue], bool]) -> Look:
        async def look() -> int | None:
            found = await self.services.ats.value(self.known.category, value.id)
            return found.id if is_done(found) else None

        return look


class Recruiter(Client):
    """Keeps jobs at the ATS."""

    def __init__(self, name: str, services: Services, known: Acknowledged, seed: int) -> None:
        super().__init__(name, services, known, seed)
        self._kept: list[int] = []

    async def act(self) -> None:
        if self._kept and self.chance.random() < 0.5:
            await self._change(self.chance.choice(self._kept))
        else:
            await self._create()

    async def _create(self) -> None:
        values, headers = self.some_values(), {"idempotency-key": self.new_word()}
        body = {"status": "active", **self._job(self.new_word(), values)}

        async def ask() -> int:
            ats = self.services.ats
            return ats.parse(await ats.request("POST", "/jobs", body=body, headers=headers), JobRead).id

        self._kept += await self.pin("jobs", values, ask, nothing)

    async def _change(self, job: int) -> None:
        values, title = self.some_values(), self.new_word()

        async def ask() -> int:
            return (await self.services.ats.patch_job(job, self._job(title, values))).id

        async def look() -> int | None:
            return job if (await self.services.ats.job(job)).title == title else None

        await self.pin("jobs", values, ask, look)

    def _job(self, title: str, values: list[int]) -> dict[str, object]:
        return {"title": title, "categories": [{"category": self.known.category, "values": values}]}


class Editor(Client):
    """Keeps testimonials and articles at the career site, which takes no keys: what is lost is known by its text."""

    def __init__(self, name: str, services: Services, known: Acknowledged, seed: int) -> None:
        super().__init__(name, services, known, seed)
        self._site = services.careersite
        self._kept: list[int] = []

    async def act(self) -> None:
        if self._kept and self.chance.random() < 0.5:
            await self._change(self.chance.choice(self._kept))
        else:
            await self.chance.choice([self._publish, self._publish, self._tell])()

    async def _publish(self) -> None:
        text, value = self.new_word(), self.known.some_value(self.chance)

        async def ask() -> int:
            return (await self._site.post_testimonial("Jake", text, self.known.category, value)).id

        async def look() -> int | None:
            return next((each.id for each in await self._site.testimonials() if each.text == text), None)

        self._kept += await self.pin("testimonials", [value], ask, look)

    async def _change(self, testimonial: int) -> None:
        path = f"/testimonials/{testimonial}"
        text, value = self.new_word(), self.known.some_value(self.chance)

        async def ask() -> int:
            answer = await self._site.request("PATCH", path, body={"text": text, "value": value})
            return self._site.parse(answer, TestimonialRead).id

        async def look() -> int | None:
            found = await self._site.get(path, TestimonialRead)
            return found.id if found.text == text else None

        await self.pin("testimonials", [value], ask, look)

    async def _tell(self) -> None:
        title, values = self.new_word(), self.some_values()

        async def ask() -> int:
            return (await self._site.post("/articles", Article, {"title": title, "body": "Us", "values": values})).id

        async def look() -> int | None:
            return next(
                (each.id for each in (await self._site.get("/articles", Articles)).root if each.title == title), None
            )

        await self.pin("articles", values, ask, look)


class MasterSystem(Client):
    """Uploads one changed list of places after the other: some are renamed, some new, some leave or come back."""

    def __init__(self, name: str, services: Services, known: Acknowledged, seed: int, places: int) -> None:
        super().__init__(name, services, known, seed)
        self._names = {f"p{number}": self.new_word() for number in range(places)}
        self._away: dict[str, str] = {}

    async def act(self) -> None:
        leaving, returning = self._change()
        uploader, category = self.services.uploader, self.known.place_category
        nodes = tuple(CategoryValueUpload(external_id=key, name=name) for key, name in self._names.items())
        upload = CategoryValuesUpload(test_flag=False, category_values=nodes)

        async def ask() -> int:
            return (await uploader.upload_values(category, upload)).id

        launched = await self.once(ask, nothing)

        async def status() -> UploadStatus:
            return await insist(lambda: uploader.upload(category, launched))

        ended = await eventually(status, lambda status: status.status in ("Complete", "Error"))
        assert (ended.status, [outcome.failed for outcome in ended.results]) == ("Complete", [0, 0, 0]), ended
        self.known.places = dict(self._names)
        self.known.place_entries.update(("inactivate", key) for key in leaving)
        self.known.place_entries.update(("restore", key) for key in returning)

    def _change(self) -> tuple[list[str], list[str]]:
        """The places that leave, and those that come back."""
        if not self.known.places:
            return [], []
        leaving = self.chance.sample(sorted(self._names), self.chance.randint(1, MOST_PLACES_LEAVING))
        returning = self.chance.sample(sorted(self._away), len(self._away) // 2)
        for key in leaving:
            self._away[key] = self._names.pop(key)
        for key in self.chance.sample(sorted(self._names), len(self._names) // 3):
            self._names[key] = self.new_word()
        for key in returning:
            self._names[key] = self._away.pop(key)
        self._names[self.new_word()] = self.new_word()
        return leaving, returning
