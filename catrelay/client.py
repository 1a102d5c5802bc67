"""The HTTP clients for the ATS and the uploader."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import orjson
from pydantic import BaseModel

from catrelay.models import (
    Applied,
    BatchResults,
    CandidateRead,
    CandidatesRead,
    Categories,
    CategoriesActual,
    Category,
    CategoryValue,
    CategoryValues,
    CategoryValuesUpload,
    CategoryValueWrite,
    CategoryVersions,
    CategoryWrite,
    DeliveryList,
    JobRead,
    JobsRead,
    JournalEntry,
    JournalPage,
    Replay,
    SecretRotation,
    Subscription,
    SubscriptionCreate,
    SubscriptionList,
    SubscriptionUpdate,
    UploadPlan,
    UploadStatus,
    UserRead,
    UsersRead,
    ValueList,
    ValuesDigest,
)
from catrelay.problems import NotFound, ServiceUnreachable
from catrelay.service_client import ServiceClient
from catrelay.trees import documents

Answer = TypeVar("Answer")
Page = TypeVar("Page", JobsRead, UsersRead, CandidatesRead)


@dataclass(frozen=True)
class Snapshot(Generic[Answer]):
    """An answer and the journal entry as of which it holds; None where the ATS does not say."""

    answer: Answer
    journal_seq: int | None


class _Documents(BaseModel):
    """A page of a list, its objects as they were answered."""

    results: list[dict[str, Any]]


def values_path(category: int | None) -> str:
    """Where the values of a category are; None: of the org tree."""
    return "/orgs/values" if category is None else f"/categories/byID/{category}/values"


class AtsClient(ServiceClient):
    """The ATS. *category* None stands for the org tree, wherever values are meant."""

    async def categories(self) -> Snapshot[tuple[Category, ...]]:
        """All categories."""
        response = await self.request("GET", "/categories")
        return Snapshot(self.parse(response, Categories).root, _journal_seq(response))

    async def category(self, category: int) -> Category:
        """One category."""
        return await self.get(f"/categories/byID/{category}", Category)

    async def create_category(self, category: CategoryWrite) -> Category:
        """Make a category."""
        return await self.post("/categories", Category, category)

    async def versions(self) -> CategoryVersions:
        """The versions of all categories. Only if the ATS has the capability `categories.versions`."""
        return await self.get("/categories/versions", CategoryVersions)

    async def tree(
        self, category: int | None, *, branches: Sequence[int] | None = None
    ) -> Snapshot[tuple[CategoryValue, ...]]:
        """The available values: roots, each with its children.

        branches: of these roots alone, at most 200. Only if the ATS has the capability `values.branches`.
        """
        query = None if branches is None else {"branches": ",".join(map(str, branches))}
        response = await self.request("GET", values_path(category), query=query)
        return Snapshot(self.parse(response, CategoryValues).root, _journal_seq(response))

    async def tree_documents(
        self, category: int | None, *, branches: Sequence[int] | None = None
    ) -> Snapshot[dict[int, dict[str, Any]]]:
        """The same, each value as its JSON document, by id: for who keeps a hundred thousand of them."""
        query = None if branches is None else {"branches": ",".join(map(str, branches))}
        response = await self.request("GET", values_path(category), query=query)
        try:
            found = documents(orjson.loads(response.content))
        except ValueError as error:
            raise ServiceUnreachable(f"{self.url} answered with no tree of values: {error}", url=self.url) from error
        return Snapshot(found, _journal_seq(response))

    async def digest(self, category: int | None) -> ValuesDigest:
        """The tree in short: compare it with `catrelay.digest` of one's own copy."""
        return await self.get(f"{values_path(category)}/digest", ValuesDigest)

    async def value(self, category: int | None, value: int) -> CategoryValue:
        """One value, also when unavailable."""
        return await self.get(f"{values_path(category)}/byID/{value}", CategoryValue)

    async def value_by_external_id(self, category: int | None, external_id: str) -> CategoryValue | None:
        """One value, also when unavailable; None when there is none."""
        try:
            return await self.get(f"{values_path(category)}/byExternalId/{_one_part(external_id)}", CategoryValue)
        except NotFound:
            return None

    async def unavailable(self, category: int | None, *, after: int = 0, limit: int = 1000) -> ValueList:
        """A page of the unavailable values, by id."""
        query = {"gtID": after, "limit": limit}
        return await self.get(f"{values_path(category)}/unavailable", ValueList, query)

    async def write_value(
        self, category: int | None, value: CategoryValueWrite, *, if_journal_seq: int | None = None
    ) -> CategoryValue:
        """Create or update one value. if_journal_seq: PreconditionFailed when the category's journal moved past it."""
        headers = None if if_journal_seq is None else {"if-journal-seq": str(if_journal_seq)}
        response = await self.request("POST", values_path(category), body=value, headers=headers)
        return self.parse(response, CategoryValue)

    async def write_values(
        self, category: int | None, values: Sequence[CategoryValueWrite], *, atomic: bool
    ) -> BatchResults:
        """Create or update many values, one commit."""
        body = {"atomic": atomic, "values": [value.to_patch() for value in values]}
        return await self.post(f"{values_path(category)}/batch", BatchResults, body)

    async def undo(self, category: int | None, seq: int) -> JournalEntry:
        """Take back the remap that the journal has under *seq*."""
        return await self.post(f"{values_path(category)}/undo", JournalEntry, {"seq": seq})

    async def journal(self, category: int | None, *, after: int, limit: int | None = None) -> JournalPage:
        """The category's entries after a cursor."""
        return await self.get(f"{values_path(category)}/remapped", JournalPage, {"seqGt": after, "limit": limit})

    async def tenant_journal(self, *, after: int, limit: int | None = None) -> JournalPage:
        """All entries of the tenant after a cursor, orgs included."""
        return await self.get("/categories/remapped", JournalPage, {"seqGt": after, "limit": limit})

    async def create_job(self, job: Mapping[str, object]) -> JobRead:
        """Make a job."""
        return await self.post("/jobs", JobRead, job)

    async def job(self, job: int) -> JobRead:
        """One job."""
        return await self.get(f"/jobs/byID/{job}", JobRead)

    async def patch_job(self, job: int, patch: Mapping[str, object]) -> JobRead:
        """Change a job by JSON Merge Patch."""
        return self.parse(await self.request("PATCH", f"/jobs/byID/{job}", body=patch), JobRead)

    async def jobs(
        self, which: str = "/jobs", *, categories: str | None = None, keywords: str | None = None
    ) -> AsyncIterator[JobRead]:
        """All jobs of a list (`/jobs`, `/jobs/open`, ...), by id, fetched page by page."""
        async for page in self._pages(which, JobsRead, {"categories": categories, "keywords": keywords}):
            for job in page.results:
                yield job

    async def create_user(self, user: Mapping[str, object]) -> UserRead:
        """Make a user."""
        return await self.post("/users", UserRead, user)

    async def user(self, user: int) -> UserRead:
        """One user."""
        return await self.get(f"/users/byID/{user}", UserRead)

    async def patch_user(self, user: int, patch: Mapping[str, object]) -> UserRead:
        """Change a user by JSON Merge Patch."""
        return self.parse(await self.request("PATCH", f"/users/byID/{user}", body=patch), UserRead)

    async def users(self, which: str = "/users", *, keywords: str | None = None) -> AsyncIterator[UserRead]:
        """All users of a list (`/users`, `/users/active`, ...), by id, fetched page by page."""
        async for page in self._pages(which, UsersRead, {"keywords": keywords}):
            for user in page.results:
                yield user

    async def create_candidate(self, candidate: Mapping[str, object]) -> CandidateRead:
        """Make a candidate."""
        return await self.post("/candidates", CandidateRead, candidate)

    async def candidate(self, candidate: int) -> CandidateRead:
        """One candidate."""
        return await self.get(f"/candidates/byID/{candidate}", CandidateRead)

    async def patch_candidate(self, candidate: int, patch: Mapping[str, object]) -> CandidateRead:
        """Change a candidate by JSON Merge Patch."""
        return self.parse(await self.request("PATCH", f"/candidates/byID/{candidate}", body=patch), CandidateRead)

    async def candidates(
        self, *, categories: str | None = None, keywords: str | None = None
    ) -> AsyncIterator[CandidateRead]:
        """All candidates, by id, fetched page by page. Only if the ATS has the capability `candidates.list`."""
        async for page in self._pages("/candidates", CandidatesRead, {"categories": categories, "keywords": keywords}):
            for candidate in page.results:
                yield candidate

    async def merged_categories(self, candidate: int, chosen: CategoriesActual) -> CategoriesActual:
        """*chosen* together with what the candidate references, put as briefly as possible."""
        path = f"/candidates/byID/{candidate}/categories/merges"
        return self.parse(await self.request("POST", path, body=chosen), CategoriesActual)

    async def _pages(self, which: str, model: type[Page], filters: Mapping[str, str | None]) -> AsyncIterator[Page]:
        after = 0
        while True:
            page = await self.get(which, model, {**filters, "gtID": after, "limit": 100})
            yield page
            if len(page.results) < 100:
                return
            after = page.results[-1].id

    async def documents(self, which: str) -> AsyncIterator[dict[str, Any]]:
        """All objects of a list (`/jobs`, `/users`, ...), by id, as they were answered, fetched page by page."""
        after = 0
        while True:
            page = await self.get(which, _Documents, {"gtID": after, "limit": 100})
            for document in page.results:
                yield document
            if len(page.results) < 100:
                return
            after = page.results[-1]["id"]

    async def subscribe(self, subscription: SubscriptionCreate) -> Subscription:
        """Ask for pings; the answer alone carries the secret."""
        return await self.post("/subscriptions", Subscription, subscription)

    async def subscription(self, subscription: int) -> Subscription:
        """One subscription."""
        return await self.get(f"/subscriptions/byID/{subscription}", Subscription)

    async def subscriptions(self, *, after: int = 0) -> SubscriptionList:
        """The first thousand subscriptions with an id above *after*."""
        return await self.get("/subscriptions", SubscriptionList, {"gtID": after or None, "limit": 1000})

    async def all_subscriptions(self) -> AsyncIterator[Subscription]:
        """All subscriptions that this token reaches, by id, fetched page by page."""
        page = await self.subscriptions()
        while True:
            for subscription in page.results:
                yield subscription
            if page.next is None:
                return
            page = await self.subscriptions(after=page.results[-1].id)

    async def update_subscription(self, subscription: int, change: SubscriptionUpdate) -> None:
        """Change where pings go, about what and how, by JSON Merge Patch."""
        await self.request("PATCH", f"/subscriptions/byID/{subscription}", body=change)

    async def report_applied(self, subscription: int, seq: int) -> None:
        """Say how far the journal is applied here."""
        await self.request("PUT", f"/subscriptions/byID/{subscription}/applied", body=Applied(seq=seq))

    async def pause_subscription(self, subscription: int) -> Subscription:
        """Have nothing sent until it is resumed."""
        return await self.post(f"/subscriptions/byID/{subscription}/pause", Subscription)

    async def resume_subscription(self, subscription: int) -> Subscription:
        """Have all that is due sent at once."""
        return await self.post(f"/subscriptions/byID/{subscription}/resume", Subscription)

    async def replay_subscription(self, subscription: int, *, since_cursor: int) -> Subscription:
        """Have what changed after a place in the change log sent once more; 0: all that is kept."""
        body = Replay(since_cursor=since_cursor)
        return await self.post(f"/subscriptions/byID/{subscription}/replay", Subscription, body)

    async def rotate_secret(self, subscription: int, *, keep_seconds: int | None = None) -> Subscription:
        """Have pings signed by a new secret, which the answer alone carries. None: as the ATS's setting says."""
        body = SecretRotation(keep_seconds=keep_seconds)
        return await self.post(f"/subscriptions/byID/{subscription}/rotateSecret", Subscription, body)

    async def deliveries(self, subscription: int, *, after: int = 0) -> DeliveryList:
        """The latest attempts to reach the subscriber with a number above *after*."""
        return await self.get(f"/subscriptions/byID/{subscription}/deliveries", DeliveryList, {"gtID": after})

    async def unsubscribe(self, subscription: int) -> None:
        """End a subscription."""
        await self.request("DELETE", f"/subscriptions/byID/{subscription}")


class UploaderClient(ServiceClient):
    """The uploader. *category* None stands for the org tree."""

    async def upload_values(
        self, category: int | None, upload: CategoryValuesUpload, *, confirm_inactivations: bool = False
    ) -> UploadStatus:
        """Hand in a whole tree; the work runs on after the answer."""
        query = {"confirm": "inactivations"} if confirm_inactivations else None
        return await self.post(f"{values_path(category)}/uploads", UploadStatus, upload, query)

    async def upload(self, category: int | None, upload: int) -> UploadStatus:
        """How an upload stands."""
        return await self.get(f"{values_path(category)}/uploads/byID/{upload}", UploadStatus)

    async def plan(self, category: int | None, upload: int, *, after: int | None = None) -> UploadPlan:
        """What an upload did, or would do."""
        return await self.get(f"{values_path(category)}/uploads/byID/{upload}/plan", UploadPlan, {"after": after})


def _one_part(text: str) -> str:
    """*text* as one part of a path. Dots alone would lead to the folder above, or to none."""
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def _journal_seq(response: httpx.Response) -> int | None:
    text = response.headers.get("journal-seq")
    return int(text) if text is not None and text.isdigit() else None
