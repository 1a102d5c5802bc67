"""What people read of an object."""

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})


def is_blank(name: str) -> bool:
    """Whether nothing is seen of *name*: it is empty, or all spaces, control and zero-width characters."""
    return all(unicodedata.category(character) in _INVISIBLE for character in name)
