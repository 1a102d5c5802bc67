"""All SQL of the ATS."""

from ats_stub.store.registry import open_database, open_registry, registry_of
from ats_stub.store.unit import CHANGES, MOVES, Store, Unit, WriteUnit

__all__ = ["CHANGES", "MOVES", "Store", "Unit", "WriteUnit", "open_database", "open_registry", "registry_of"]
