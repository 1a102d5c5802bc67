"""What a service says of itself. Source: docs/contract/, "Common to all services"."""

from catrelay.models.wire import Id, Text, Wire


class Discovery(Wire):
    """Answer of `GET /t/{tenant}`. orgs_category: the category behind /orgs (the ATS only)."""

    service: Text
    version: Text
    orgs_category: Id | None = None
    capabilities: tuple[str, ...]
