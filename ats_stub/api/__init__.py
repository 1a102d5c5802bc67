"""The HTTP resources of the ATS."""

__all__: list[str] = []
