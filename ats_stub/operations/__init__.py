"""One function per thing the ATS can do. Each opens exactly one unit of work."""

__all__: list[str] = []
