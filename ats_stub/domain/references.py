"""Which values an object may reference. Source: docs/contract/, "Jobs, users, candidates"."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ats_stub.domain.values import Value
from catrelay.models import CategoriesActual, Category, CategoryActual, Rules
from catrelay.problems import (
    CategoryRuleBroken,
    FieldError,
    LimitExceeded,
    UnavailableValue,
    UnknownCategory,
    UnknownValue,
)

MAX_REFERENCES = 1_000
"""Values that one object references, duplicates counted."""

Kind = Literal["candidate", "job", "user"]
KINDS: tuple[Kind, ...] = ("candidate", "job", "user")
"""What references values."""

References = Mapping[int, Collection[int]]
"""Values by category, the org tree's category included."""


@dataclass(frozen=True)
class Reference:
    """A value that a body names, at *pointer*."""

    category: int
    value: int
    pointer: str


class Values(Protocol):
    """The values of all categories."""

    def value(self, value_id: int) -> Value | None:
        """Any value of the tenant."""

    def children(self, value_id: int) -> Sequence[int]:
        """The ids of its children."""


@dataclass(frozen=True)
class Catalogue:
    """What the rules ask of the tenant's categories.

    categories: those that this kind of object may reference. rules: which of a category's rules are about it.
    orgs_member: what it names values of the org tree by.
    """

    categories: Mapping[int, Category]
    orgs_category: int
    values: Values
    rules: Literal["job_rules", "candidate_rules"] = "job_rules"
    orgs_member: str = "org"

    def rules_of(self, category: int) -> Rules:
        """How objects of this kind may select values of the category."""
        rules: Rules = getattr(self.categories[category], self.rules)
        return rules


def references_of(categories: CategoriesActual | None, *, pointer: str = "/categories") -> Iterator[Reference]:
    """What an object's *categories*, which stand at *pointer* of a body, reference, duplicates included."""
    for index, entry in enumerate(categories.root if categories is not None else ()):
        for place, value in enumerate(entry.values):
            yield Reference(entry.category, value, f"{pointer}/{index}/values/{place}")


def collapsed(references: Iterable[Reference]) -> dict[int, set[int]]:
    """Values by category, each once."""
    values: dict[int, set[int]] = {}
    for reference in references:
        values.setdefault(reference.category, set()).add(reference.value)
    return values


def as_answered(references: References) -> CategoriesActual | None:
    """The references by category and id, ascending; None when there are none."""
    entries = tuple(
        CategoryActual(category=category, values=tuple(sorted(values)))
        for category, values in sorted(references.items())
        if values
    )
    return CategoriesActual(entries) if entries else None


def check_named_categories(
    categories: CategoriesActual | None, catalogue: Catalogue, *, pointer: str = "/categories"
) -> None:
    """Raise UnknownCategory unless each category that a body names, at *pointer*, exists and is not the org tree's."""
    for index, entry in enumerate(categories.root if categories is not None else ()):
        if entry.category == catalogue.orgs_category:
            raise UnknownCategory(
                f"Category {entry.category} is the org tree, which categories do not name",
                errors=[FieldError(f"{pointer}/{index}/category", "is the org tree's")],
            )
        if entry.category not in catalogue.categories:
            raise UnknownCategory(
                f"There is no category {entry.category}",
                errors=[FieldError(f"{pointer}/{index}/category", "does not exist")],
            )


def check_references(wanted: list[Reference], present: References, catalogue: Catalogue) -> None:
    """Raise a ReferenceBroken or LimitExceeded unless an object may reference *wanted* (of known categories).

    present: what the object references already; that it may keep, even if a rule or the tree changed meanwhile.
    """
    check_number(wanted)
    for reference in wanted:
        if reference.value not in present.get(reference.category, ()):
            _check_new(reference, catalogue)
    for category, values in collapsed(wanted).items():
        rules = catalogue.rules_of(category)
        if not rules.can_multi_select and len(values) > 1 and values != set(present.get(category, ())):
            second = [r.pointer for r in wanted if r.category == category][1]
            raise _broken(category, rules, "canMultiSelect", "takes one value only", second)


def check_mandatory(given: References, catalogue: Catalogue) -> None:
    """Raise CategoryRuleBroken unless each category that is mandatory has a value."""
    for category in catalogue.categories:
        rules = catalogue.rules_of(category)
        if rules.mandatory and not given.get(category):
            member = catalogue.orgs_member if category == catalogue.orgs_category else "categories"
            raise _broken(category, rules, "mandatory", "needs a value", f"/{member}")


def check_number(wanted: list[Reference]) -> None:
    """Raise LimitExceeded when *wanted* are more than an object may reference."""
    if len(wanted) > MAX_REFERENCES:
        raise LimitExceeded(f"An object references at most {MAX_REFERENCES} values, this one {len(wanted)}")


def check_available(reference: Reference, catalogue: Catalogue) -> None:
    """Raise UnknownValue or UnavailableValue unless *reference*, of a known category, is to an available value."""
    value = catalogue.values.value(reference.value)
    if value is None or value.category != reference.category:
        raise UnknownValue(
            f"Category {reference.category} has no value {reference.value}",
            errors=[FieldError(reference.pointer, "does not exist")],
        )
    if not value.available:
        raise UnavailableValue(
            f"Value {value.id} is not available", errors=[FieldError(reference.pointer, "is not available")]
        )


def _check_new(reference: Reference, catalogue: Catalogue) -> None:
    check_available(reference, catalogue)
    rules = catalogue.rules_of(reference.category)
    if rules.leaf_selection_only and catalogue.values.children(reference.value):
        complaint = f"takes leaves only, and value {reference.value} has children"
        raise _broken(reference.category, rules, "leafSelectionOnly", complaint, reference.pointer)


def _broken(category: int, rules: Rules, rule: str, complaint: str, pointer: str) -> CategoryRuleBroken:
    detail = f"Category {category} {complaint} ({rule})"
    return CategoryRuleBroken(
        f"{detail}: {rules.message}" if rules.message else detail,
        errors=[FieldError(pointer, f"category {category} {complaint}")],
        category=category,
        rule=rule,
    )
