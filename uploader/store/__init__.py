"""Everything the uploader keeps, and all of its SQL."""

from uploader.store.registry import open_database, open_registry, registry_of
from uploader.store.unit import Claim, ItemOutcome, LeaseLost, NewItem, State, Store, UploadRef

__all__ = [
    "Claim",
    "ItemOutcome",
    "LeaseLost",
    "NewItem",
    "State",
    "Store",
    "UploadRef",
    "open_database",
    "open_registry",
    "registry_of",
]
