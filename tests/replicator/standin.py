"""A small ATS in memory: what a replicator needs of one, ours or another vendor's."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from catrelay.asgi import exception_handlers
from catrelay.client import AtsClient
from catrelay.digest import digest
from catrelay.models import Category, CategoryValue, JournalEntry, JournalPage, Operation, Rules, Subscription
from catrelay.problems import JournalCompacted, NotFound, Unavailable
from catrelay.signing import new_secret
from catrelay.trees import nested

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
ORGS = 2
RULES = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False)


@dataclass
class StandIn:
    """plain: it speaks the unmarked part of the contract only. is_away: it answers 503 to everything.

    digests: it sums up its trees. versions: it tells at once which categories changed. branches: it gives some branches
    of a tree alone; those asked for are noted in *branches_given*.
    """

    plain: bool = False
    digests: bool = False
    versions: bool = False
    branches: bool = False
    is_away: bool = False
    takes_subscriptions: bool = True
    epoch: str = "first"
    first_seq: int = 1
    page_entries: int = 1_000
    values: dict[tuple[int, int], CategoryValue] = field(default_factory=dict)
    categories: dict[int, Category] = field(default_factory=dict)
    journal: list[JournalEntry] = field(default_factory=list)
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    applied: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    branches_given: list[str] = field(default_factory=list)
    # Called at the beginning of each answer, as if others wrote meanwhile.
    meanwhile: Callable[[str], None] = lambda path: None

    def __post_init__(self) -> None:
        self.add_category(17)
        for value in range(1, 6):
            self.add(value)

    def add_category(self, category: int) -> None:
        self.categories[category] = Category(
            id=category, name=f"Category {category}", job_rules=RULES, candidate_rules=RULES
        )

    def add(self, value: int, *, category: int = 17, parent: int | None = None, name: str | None = None) -> None:
        self.values[category, value] = CategoryValue(
            id=value, available=True, name=name or f"Value {value}", parent=parent
        )

    def change(self, value: int, *, category: int = 17, **members: object) -> None:
        self.values[category, value] = self.values[category, value].model_copy(update=members)

    def remap(self, value: int, to: int, *, category: int = 17) -> int:
        self.change(value, category=category, available=False, parent=None, remapped_to=to)
        return self._write("remap", value, category, remapped_to=to)

    def inactivate(self, value: int, *, category: int = 17) -> int:
        self.change(value, category=category, available=False, parent=None)
        return self._write("inactivate", value, category)

    def restore(self, value: int) -> int:
        self.change(value, available=True, remapped_to=None)
        return self._write("restore", value, 17)

    def undo(self, seq: int) -> int:
        undone = next(entry for entry in self.journal if entry.seq == seq)
        self.change(undone.id, available=True, remapped_to=None)
        return self._write("undo", undone.id, 17, remapped_to=undone.remapped_to, undoes=seq)

    def follow(self, entry: JournalEntry) -> None:
        """Do what *entry* says."""
        match entry.operation:
            case "remap":
                assert entry.remapped_to is not None
                self.remap(entry.id, entry.remapped_to)
            case "inactivate":
                self.inactivate(entry.id)
            case "restore":
                self.restore(entry.id)
            case "undo":
                assert entry.undoes is not None
                self.undo(entry.undoes)

    def compact(self) -> None:
        """Drop the whole journal; the numbers go on."""
        self.first_seq = len(self.journal) + 1

    def client(self) -> AtsClient:
        return AtsClient("http://ats", "acme", "token", transport=self.transport())

    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(app=self.app())

    def app(self) -> Starlette:
        tenant, one = "/t/{tenant}", "/categories/byID/{category:int}/values"
        paths: dict[str, tuple[Callable[[Request], Awaitable[Response]], str]] = {
            "": (self._discovery, "GET"),
            "/categories": (self._categories, "GET"),
            "/categories/remapped": (self._tenant_journal, "GET"),
            "/categories/versions": (self._versions, "GET"),
            one: (self._tree, "GET"),
            f"{one}/digest": (self._digest, "GET"),
            f"{one}/remapped": (self._journal, "GET"),
            f"{one}/byID/{{value:int}}": (self._value, "GET"),
            "/orgs/values": (self._tree, "GET"),
            "/orgs/values/digest": (self._digest, "GET"),
            "/orgs/values/byID/{value:int}": (self._value, "GET"),
            "/subscriptions": (self._subscribe, "POST"),
            "/subscriptions/byID/{id:int}": (self._subscription, "GET"),
            "/subscriptions/byID/{id:int}/resume": (self._resume, "POST"),
            "/subscriptions/byID/{id:int}/applied": (self._applied, "PUT"),
        }
        routes = [
            Route(tenant + path, self._noting(endpoint), methods=[method]) for path, (endpoint, method) in paths.items()
        ]
        routes += [
            Route(tenant + "/subscriptions", self._noting(self._listed), methods=["GET"]),
            Route(tenant + "/subscriptions/byID/{id:int}", self._noting(self._change), methods=["PATCH", "DELETE"]),
        ]
        return Starlette(routes=routes, exception_handlers=exception_handlers())

    def _noting(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            path = request.url.path.removeprefix("/t/acme")
            self.requests.append(f"{request.method} {path}")
            if self.is_away:
                raise Unavailable("The stand-in is away")
            self.meanwhile(path)
            return await endpoint(request)

        return answer

    async def _discovery(self, _: Request) -> Response:
        if self.plain:
            raise NotFound("A plain ATS does not describe itself")
        more = {
            "values.digest": self.digests,
            "categories.versions": self.versions,
            "values.branches": self.branches,
        }
        capabilities = ["remapped.tenant", *(name for name, can in more.items() if can)]
        return _json({"service": "ats", "version": "1", "orgsCategory": ORGS, "capabilities": capabilities})

    async def _versions(self, _: Request) -> Response:
        versions = [
            {"id": category, "version": self._version(category)} for category in sorted({*self.categories, ORGS})
        ]
        return self._as_of_now({"epoch": self.epoch, "seq": len(self.journal), "categories": versions})

    def _version(self, category: int) -> str:
        """Another one after each change: also when the values are the same again."""
        seen = [
            self.epoch,
            self.categories.get(category),
            sorted((key, repr(value)) for key, value in self.values.items() if key[0] == category),
            [entry.seq for entry in self.journal if entry.category == category],
        ]
        return sha256(repr(seen).encode()).hexdigest()

    async def _categories(self, _: Request) -> Response:
        return self._as_of_now([category.to_document() for category in self.categories.values()])

    def _documents(self, category: int) -> list[dict[str, object]]:
        mine = [value for (of, _), value in self.values.items() if of == category]
        return [value.to_document() for value in mine if value.available]

    async def _tree(self, request: Request) -> Response:
        category = request.path_params.get("category", ORGS)
        if category not in {*self.categories, ORGS}:
            raise NotFound("no such category")
        tree = nested(self._documents(category))
        if "branches" in request.query_params and self.branches:
            self.branches_given.append(request.query_params["branches"])
            roots = self.branches_given[-1].split(",")
            tree = [root for root in tree if str(root["id"]) in roots]
        return self._as_of_now(tree)

    async def _digest(self, request: Request) -> Response:
        category = request.path_params.get("category", ORGS)
        if not self.digests or category not in {*self.categories, ORGS}:
            raise NotFound("no such category, or no digest")
        return _json(digest(self._documents(category), seq=len(self.journal)).to_document())

    async def _value(self, request: Request) -> Response:
        key = request.path_params.get("category", ORGS), request.path_params["value"]
        if key not in self.values:
            raise NotFound("no such value")
        return _json(self.values[key].to_document())

    async def _tenant_journal(self, request: Request) -> Response:
        if self.plain:
            raise NotFound("A plain ATS has one journal per category")
        return self._page(request, self.journal)

    async def _journal(self, request: Request) -> Response:
        return self._page(request, [e for e in self.journal if e.category == request.path_params["category"]])

    def _page(self, request: Request, journal: list[JournalEntry]) -> Response:
        after = int(request.query_params["seqGt"])
        if after < self.first_seq - 1:
            raise JournalCompacted("compacted", firstSeq=self.first_seq)
        entries = tuple(entry for entry in journal if entry.seq > after)[: self.page_entries]
        page = JournalPage(results=entries)
        if not self.plain:
            head = {"last_seq": len(self.journal), "first_seq": self.first_seq, "epoch": self.epoch}
            page = page.model_copy(update=head)
        return _json(page.to_document())

    async def _subscribe(self, request: Request) -> Response:
        if not self.takes_subscriptions:
            raise NotFound("no subscriptions here")
        wanted = orjson.loads(await request.body())
        made = Subscription(
            id=max(self.subscriptions, default=0) + 1,
            app="app",
            url=wanted["url"],
            topics=tuple(wanted["topics"]),
            batch=wanted["batch"],
            state="active",
            secret=new_secret(),
            cursor=0,
            lag=0,
            created=AT,
        )
        self.subscriptions[made.id] = made
        return _json(made.to_document(), 201)

    async def _listed(self, _: Request) -> Response:
        if not self.takes_subscriptions:
            raise NotFound("no subscriptions here")
        return _json({"results": [each.to_document() for each in self.subscriptions.values()]})

    async def _subscription(self, request: Request) -> Response:
        if request.path_params["id"] not in self.subscriptions:
            raise NotFound("no such subscription")
        found = self.subscriptions[request.path_params["id"]]
        return _json(found.model_copy(update={"secret": None}).to_document())

    async def _resume(self, request: Request) -> Response:
        self._set(request, {"state": "active"})
        return await self._subscription(request)

    async def _change(self, request: Request) -> Response:
        if request.method == "DELETE":
            del self.subscriptions[request.path_params["id"]]
        else:
            self._set(request, orjson.loads(await request.body()))
        return Response(status_code=204)

    async def _applied(self, request: Request) -> Response:
        self.applied.append(orjson.loads(await request.body())["seq"])
        self._set(request, {"applied_seq": self.applied[-1]})
        return Response(status_code=204)

    def _set(self, request: Request, members: dict[str, Any]) -> None:
        id_ = request.path_params["id"]
        if "topics" in members:
            members = {**members, "topics": tuple(members["topics"])}
        self.subscriptions[id_] = self.subscriptions[id_].model_copy(update=members)

    def _write(
        self,
        operation: Operation,
        value: int,
        category: int,
        remapped_to: int | None = None,
        undoes: int | None = None,
    ) -> int:
        seq = len(self.journal) + 1
        self.journal.append(
            JournalEntry(
                seq=seq,
                category=category,
                id=value,
                operation=operation,
                remapped_to=remapped_to,
                undoes=undoes,
                at=AT,
            )
        )
        return seq

    def _as_of_now(self, answer: object) -> Response:
        return _json(answer, headers={} if self.plain else {"journal-seq": str(len(self.journal))})


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type="application/json")
