"""What can be asked of the uploader, one function each."""

from datetime import datetime
from urllib.parse import quote

from catrelay.asgi import parse_body
from catrelay.client import values_path
from catrelay.models import CategoryValuesUpload, UploadPlan, UploadStatus
from catrelay.problems import Unavailable
from catrelay.tokens import Access, Connection, Registry
from uploader.domain.wanted import wanted_nodes
from uploader.store import Store

ATS = "ats"


def ats_connection(registry: Registry, tenant: str) -> Connection:
    """How the tenant's ATS is reached. Raises Unavailable when nobody has said so."""
    for connection in registry.connections(tenant):
        if connection.name == ATS:
            return connection
    raise Unavailable(
        f"Nobody has said how the ATS of {tenant} is reached: run `catrelay uploader connect --tenant {tenant}`"
    )


def check(body: bytes, *, max_depth: int) -> None:
    """Raise the Problem that *body* alone shows."""
    wanted_nodes(parse_body(body, CategoryValuesUpload), max_depth=max_depth)


def accept(
    store: Store,
    access: Access,
    category: int | None,
    body: bytes,
    *,
    orgs_category: int | None,
    confirmed: bool,
    now: datetime,
) -> UploadStatus:
    """Write the upload down; it is worked on afterwards. body: checked. orgs_category: None where it is not known."""
    with store.write() as unit:
        ref = unit.accept(
            access.tenant_id,
            category,
            body,
            orgs_category=orgs_category,
            confirmed=confirmed,
            app=access.app,
            now=now,
        )
        return unit.reports.status(access.tenant_id, category, ref.upload)


def status(store: Store, access: Access, category: int | None, upload: int) -> UploadStatus:
    """How the upload stands. Raises NotFound."""
    with store.read() as reports:
        return reports.status(access.tenant_id, category, upload)


def plan(store: Store, access: Access, category: int | None, upload: int, *, after: int) -> UploadPlan:
    """A page of the upload's plan. Raises NotFound."""
    with store.read() as reports:
        page, last = reports.plan(access.tenant_id, category, upload, after=after)
    if last is None:
        return page
    path = f"/t/{quote(access.tenant, safe='')}{values_path(category)}/uploads/byID/{upload}/plan?after={last}"
    return page.model_copy(update={"next": path})
