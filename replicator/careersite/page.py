"""The public page: what people say, by value."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from catrelay.asgi import parse_query, resource
from catrelay.models import MAX_ID, Category, CategoryValue
from catrelay.problems import NotFound
from catrelay.tokens import UnknownTenant
from replicator.careersite.models import Testimonial
from replicator.careersite.shelves import ORGS_NAME, path_to, shelves
from replicator.careersite.store import Store, Unit
from replicator.domain.trees import subtree

TESTIMONIALS_PER_PAGE = 50
# The page brings nothing but text, one style sheet and no script; nobody may frame it.
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class PageQuery(BaseModel):
    """value: only what is pinned to it or below. after: testimonials with greater ids."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    value: int | None = Field(default=None, ge=1, le=MAX_ID)
    after: int = Field(default=0, ge=0, le=MAX_ID)


class CareersPage:
    """`/t/{tenant}/careers`, for everybody."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._templates = Environment(
            loader=PackageLoader("replicator.careersite"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def routes(self) -> list[Route]:
        return [
            resource("/", page=True, get=self.front_door),
            resource("/t/{tenant}/careers", page=True, get=self.careers),
        ]

    def front_door(self, _: Request) -> Response:
        """To the only tenant's page; where there are more, their names are nobody's business."""
        tenants = self._store.registry.tenants()
        if len(tenants) != 1:
            raise NotFound("Name the career site: /t/{tenant}/careers")
        return RedirectResponse(f"/t/{quote(tenants[0], safe='')}/careers", status_code=303)

    def careers(self, request: Request) -> Response:
        query = parse_query(request, PageQuery)
        tenant = request.path_params["tenant"]
        try:
            with self._store.read(tenant) as unit:
                context = _context(unit, query)
        except UnknownTenant as error:
            raise NotFound("There is no such career site") from error
        html = self._templates.get_template("careers.html").render(tenant=tenant, **context)
        return HTMLResponse(html, headers=SECURITY_HEADERS)


def _context(unit: Unit, query: PageQuery) -> dict[str, object]:
    held = unit.held()
    chosen = _chosen(unit, query.value)
    shown_categories = {each.category for each in held} | ({chosen} if chosen is not None else set())
    categories = [(category, name) for category, name in _categories(unit) if category in shown_categories]
    values = {category: _values(unit, category) for category, _ in categories}
    wanted = None if query.value is None else {query.value}
    if chosen is not None and query.value is not None:
        wanted = subtree(query.value, {value.id: value.parent for value in values[chosen].values()})
    found = unit.testimonials(wanted, after=query.after, limit=TESTIMONIALS_PER_PAGE + 1)
    shown = found[:TESTIMONIALS_PER_PAGE]
    return {
        "shelves": shelves(categories, values, held),
        "total": sum(each.testimonials for each in held),
        "chosen_id": query.value,
        "chosen": None if chosen is None or query.value is None else path_to(query.value, values[chosen]),
        "voices": [(testimonial, _place(testimonial, values)) for testimonial in shown],
        "more": _more(query, shown) if len(found) > len(shown) else None,
    }


def _categories(unit: Unit) -> list[tuple[int, str]]:
    orgs_category = unit.replica.state().orgs_category
    named: list[Category] = unit.replica.categories()
    return [*((each.id, each.name) for each in named), *([] if orgs_category is None else [(orgs_category, ORGS_NAME)])]


def _values(unit: Unit, category: int) -> dict[int, CategoryValue]:
    return {value.id: value for value in unit.replica.available_values(category)}


def _chosen(unit: Unit, value: int | None) -> int | None:
    """The category of the value chosen; None when it is not available (any more)."""
    for category in [] if value is None else unit.replica.categories_of(value):
        known = unit.replica.value(category, value) if value is not None else None
        if known is not None and known.available:
            return category
    return None


def _place(testimonial: Testimonial, values: Mapping[int, Mapping[int, CategoryValue]]) -> list[str]:
    if testimonial.value is None:
        return []
    return path_to(testimonial.value, values.get(testimonial.category, {}))


def _more(query: PageQuery, shown: tuple[Testimonial, ...]) -> str:
    chosen = {} if query.value is None else {"value": query.value}
    return "?" + urlencode({**chosen, "after": shown[-1].id})
