"""What the lists of objects take: bounds, keywords, categories."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, Json, RootModel

from catrelay.asgi.paging import AtMost
from catrelay.models import MAX_ID, CategoriesActual, Text
from catrelay.problems import FieldError, LimitExceeded

MAX_PAGE_OBJECTS = 100
MAX_KEYWORDS_CHARACTERS = 500
MAX_FILTER_CATEGORIES = 20
MAX_FILTER_VALUES = 1_000


def _bounded_keywords(keywords: str) -> str:
    if len(keywords) > MAX_KEYWORDS_CHARACTERS:
        raise LimitExceeded(
            f"keywords has at most {MAX_KEYWORDS_CHARACTERS} characters", errors=[FieldError("keywords", "is too long")]
        )
    return keywords


def _bounded_categories(categories: CategoriesActual) -> CategoriesActual:
    entries = categories.root
    if len(entries) > MAX_FILTER_CATEGORIES or sum(len(entry.values) for entry in entries) > MAX_FILTER_VALUES:
        raise LimitExceeded(
            f"categories names at most {MAX_FILTER_CATEGORIES} categories and {MAX_FILTER_VALUES} values",
            errors=[FieldError("categories", "names too many")],
        )
    return categories


IdBound = Annotated[int, Field(ge=0, le=MAX_ID)]
Limit = Annotated[int, Field(ge=1), AtMost(MAX_PAGE_OBJECTS)]
Keywords = Annotated[Text, AfterValidator(_bounded_keywords)]
CategoriesFilter = Annotated[Json[CategoriesActual], AfterValidator(_bounded_categories)]


class Patch(RootModel[dict[str, Any]]):
    """A JSON Merge Patch of an object, not yet applied."""
