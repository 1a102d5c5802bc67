"""Wiring of the ATS."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from ats_stub.api.candidates import CandidatesApi
from ats_stub.api.categories import CategoriesApi
from ats_stub.api.files import FilesApi
from ats_stub.api.jobs import JobsApi
from ats_stub.api.journal import JournalApi
from ats_stub.api.related import RelatedApi
from ats_stub.api.requests import Requests
from ats_stub.api.subscriptions import SubscriptionsApi
from ats_stub.api.users import UsersApi
from ats_stub.delivering import Deliverer, DeliveryMetrics, SubscriptionMetrics
from ats_stub.moving import Mover
from ats_stub.settings import AtsSettings
from ats_stub.store import Store, open_database, registry_of
from ats_stub.store.journal_pages import JournalPages
from catrelay.asgi import Guard, create_service
from catrelay.asgi.discovery import discovery
from catrelay.asgi.probes import Metrics
from catrelay.logs import configure_logs
from catrelay.sending import PingSender
from catrelay.targets import Targets
from catrelay.tokens import Access

log = structlog.get_logger()

CAPABILITIES = (
    "values.batch",
    "values.branches",
    "values.byExternalId",
    "values.digest",
    "values.unavailable",
    "categories.versions",
    "remapped.tenant",
    "journal.undo",
    "candidates.list",
    "pings.batch",
)

_ALLOCATIONS_PER_COLLECTION = 10_000


def create_app(settings: AtsSettings) -> Starlette:
    """The ATS as an ASGI app. Its lifespan refuses a schema that is not this version's."""
    database = open_database(settings.database)
    registry = registry_of(database)
    store = Store(database, settings.file_rules, vault=settings.vault)
    guard = Guard(registry)
    requests = Requests(store)
    metrics = Metrics()
    mover = Mover(store)
    targets = Targets(settings.allow_targets)
    sender = PingSender(targets, timeout=timedelta(seconds=settings.ping_timeout_seconds))
    deliverer = Deliverer(store, settings.delivery_rules, sender, DeliveryMetrics(metrics.registry))
    metrics.registry.register(SubscriptionMetrics(database))

    def orgs_category(access: Access) -> int:
        with store.read(access.tenant_id) as unit:
            return unit.counters.orgs_category

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(registry.check_schema)
        try:
            async with store.waker.running(), mover.running(), sender, deliverer.running():
                yield
        finally:
            database.close()

    return create_service(
        [
            discovery(guard, "ats", CAPABILITIES, orgs_category=orgs_category),
            *JournalApi(requests, JournalPages(database), guard).routes(),
            *CategoriesApi(requests, guard).routes(),
            *RelatedApi(requests, guard).routes(),
            *JobsApi(requests, guard).routes(),
            *UsersApi(requests, guard).routes(),
            *CandidatesApi(requests, guard).routes(),
            *FilesApi(store).routes(),
            *SubscriptionsApi(requests, guard, targets, settings.secret_keep).routes(),
        ],
        settings=settings,
        registry=registry,
        lifespan=lifespan,
        metrics=metrics,
        title="ATS",
    )


def serve() -> Starlette:
    """The app with the settings of the environment, for the server process."""
    settings = AtsSettings()
    configure_logs(settings.log_level)
    if not settings.vault.has_keys:
        log.warning("secrets are stored in clear: set CATRELAY_SECRET_KEYS", example="openssl rand -hex 32")
    app = create_app(settings)
    # What was imported stays: no collection need walk through it. Nor a dozen times through a large answer that is
    # being made, all of which is needed until it is sent.
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)
    return app
