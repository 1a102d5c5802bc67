"""What hypothesis draws of items, and how they become JSON."""

from typing import Any

import orjson


def as_json(document: Any) -> bytes:
    """A body."""
    return orjson.dumps(document)
