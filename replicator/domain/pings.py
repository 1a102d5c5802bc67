"""What pings are about. Source: docs/contract/, "deltaPings"."""

import re
from collections.abc import Iterable

from catrelay.models import MAX_ID

_VALUE = re.compile(r"/categories/byID/([0-9]{1,19})/values/byID/([0-9]{1,19})/deltaPings")
_CATEGORY = re.compile(r"/categories/byID/([0-9]{1,19})/deltaPings")
_CATEGORIES = "/categories/deltaPings"
_ORG = re.compile(r"/orgs/values/byID/([0-9]{1,19})/deltaPings")
ANY_CATEGORY = 0
"""In place of a category's id: some category was made, changed or deleted."""


def meant_by(paths: Iterable[str], orgs_category: int | None) -> tuple[list[tuple[int, int]], list[int]]:
    """The (category, value) and the categories that pings at *paths* are about; other pings are only noted."""
    values: list[tuple[int, int]] = []
    categories: list[int] = []
    for path in paths:
        if match := _VALUE.fullmatch(path):
            values.append((int(match[1]), int(match[2])))
        elif match := _ORG.fullmatch(path):
            values += [] if orgs_category is None else [(orgs_category, int(match[1]))]
        elif match := _CATEGORY.fullmatch(path):
            categories.append(int(match[1]))
        elif path == _CATEGORIES:
            categories.append(ANY_CATEGORY)
    return [key for key in values if max(key) <= MAX_ID], categories
