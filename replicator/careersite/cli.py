"""The career site's part of the command line."""

from catrelay.cli.service import Service
from catrelay.tokens import Registry
from replicator.careersite.settings import PORT, CareersiteSettings
from replicator.careersite.store import open_store


def open_registry(database: str) -> Registry:
    """The registry in the database with this URL."""
    return open_store(database).registry


service = Service(
    name="careersite",
    summary="The sample subscriber app: a career site with testimonials pinned to category values.",
    port=PORT,
    settings=CareersiteSettings,
    open_registry=open_registry,
    app="replicator.careersite.app:serve",
)
