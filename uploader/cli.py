"""The uploader's part of the command line."""

from catrelay.cli.service import Service
from uploader.settings import PORT, UploaderSettings
from uploader.store import open_registry

service = Service(
    name="uploader",
    summary="Bulk uploads: bring whole trees of values into the ATS.",
    port=PORT,
    settings=UploaderSettings,
    open_registry=open_registry,
    app="uploader.app:serve",
)
