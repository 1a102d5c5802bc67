"""The ATS's part of the command line."""

from ats_stub.settings import PORT, AtsSettings
from ats_stub.store import open_registry
from catrelay.cli.service import Service

service = Service(
    name="ats",
    summary="The reference ATS: categories, values, jobs, and the journal of remaps.",
    port=PORT,
    settings=AtsSettings,
    open_registry=open_registry,
    app="ats_stub.app:serve",
)
