"""The reference ATS: the system of record for categories, values and the objects that reference them."""

__all__: list[str] = []
