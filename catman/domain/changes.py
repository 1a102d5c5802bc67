"""What a person can do to a value: what it asks of the ATS, why it may be refused, and how it is put into words.

The ATS decides; what is known to be refused is explained here before anybody confirms it.
Source: docs/contract/, "Rules of POST .../values".
"""

from dataclasses import dataclass
from typing import Literal, assert_never

from pydantic import Field

from catman.domain.tree import Tree
from catrelay.models import Category, CategoryValue, CategoryValueWrite, Id, Text, Wire
from catrelay.problems import FieldError, InvalidRequest, UnknownValue

Kind = Literal["create", "rename", "merge", "below", "top", "retire"]

_NEEDED: dict[Kind, tuple[str, ...]] = {
    "create": ("name",),
    "rename": ("value", "name"),
    "merge": ("value", "onto"),
    "below": ("value", "onto"),
    "top": ("value",),
    "retire": ("value",),
}


class Change(Wire):
    """What the page asks for.

    onto: the value to merge into, to move below, or to create below. journal_seq: of the preview that was confirmed.
    """

    kind: Kind
    value: Id | None = None
    onto: Id | None = None
    name: Text | None = None
    code: Text | None = None
    journal_seq: int | None = Field(default=None, ge=0)


class Done(Wire):
    """What the page is told after a change.

    lists: the values whose children changed, 0 for the top level. path: ids from the root down to the value that is of
    interest now, empty when there is none. how_many: how many values there are now, in words; None when not known.
    """

    message: Text
    how_many: Text | None = None
    lists: tuple[int, ...]
    path: tuple[int, ...]


@dataclass(frozen=True)
class Choice:
    """One meaning that a drop can have. refusal: why it is not possible; None when it is."""

    kind: Kind
    title: str
    explanation: str
    confirm: str
    refusal: str | None


def intended(change: Change) -> CategoryValueWrite:
    """The request to the ATS. Raises InvalidRequest when a member is missing."""
    missing = [name for name in _NEEDED[change.kind] if getattr(change, name) is None]
    if missing:
        raise InvalidRequest(
            f"{change.kind} needs {' and '.join(missing)}",
            errors=[FieldError(f"/{name}", "is missing") for name in missing],
        )
    match change.kind:
        case "create":
            given = {"name": change.name, "code": change.code, "parent": change.onto}
            return CategoryValueWrite.model_validate({name: part for name, part in given.items() if part is not None})
        case "rename":
            return CategoryValueWrite(id=change.value, name=change.name)
        case "merge":
            return CategoryValueWrite(id=change.value, available=False, remapped_to=change.onto)
        case "retire":
            return CategoryValueWrite(id=change.value, available=False)
        case "below" | "top":
            return CategoryValueWrite(id=change.value, parent=change.onto if change.kind == "below" else None)
        case _:
            assert_never(change.kind)


def drop_choices(tree: Tree, category: Category | None, value: int, onto: int) -> tuple[Choice, ...]:
    """What dropping *value* onto *onto* can mean, the likelier first."""
    source, target = _known(tree, value), _known(tree, onto)
    here, there = quoted(source.name), quoted(target.name)
    return (
        Choice(
            "merge",
            f"Merge into {there}",
            f"{here} is retired and everything that uses it moves to {there}.",
            f"Merge {here} into {there}",
            why_not_merge(tree, category, value, onto),
        ),
        Choice(
            "below",
            f"Move below {there}",
            f"{here} stays as it is, with all its objects, and stands below {there} from then on.",
            f"Move {here} below {there}",
            why_not_below(tree, value, onto),
        ),
    )


def top_choice(tree: Tree, value: int) -> Choice:
    """Moving to the top level."""
    here = quoted(_known(tree, value).name)
    return Choice(
        "top",
        "Move to the top level",
        f"{here} stays as it is, with all its objects, and stands below no other value from then on.",
        f"Move {here} to the top level",
        f"{here} is at the top level already." if tree.parent(value) is None else None,
    )


def retire_choice(tree: Tree, value: int) -> Choice:
    """Retiring without a successor."""
    here = quoted(_known(tree, value).name)
    return Choice(
        "retire",
        "Retire without a successor",
        f"{here} can no longer be chosen, and everything that uses it loses it. To keep its objects, merge it instead.",
        f"Retire {here}",
        _why_not_retire(tree, value),
    )


def why_not_merge(tree: Tree, category: Category | None, value: int, onto: int) -> str | None:
    """Why *value* cannot be merged into *onto*; None when nothing is known against it. category: None for orgs."""
    if value == onto:
        return "A value cannot be merged into itself."
    refusal = _why_not_retire(tree, value)
    if refusal is not None:
        return refusal
    # Where the rules differ between jobs and candidates, the ATS knows what objects there are.
    leaves_only = (
        category is not None and category.job_rules.leaf_selection_only and category.candidate_rules.leaf_selection_only
    )
    if leaves_only and any(child.id != value for child in tree.children(onto)):
        return (
            f"{quoted(_known(tree, onto).name)} has values below it,"
            " and in this category objects can only use values that have none."
        )
    return None


def why_not_below(tree: Tree, value: int, onto: int) -> str | None:
    """Why *value* cannot be moved below *onto*; None when nothing is known against it."""
    source, target = _known(tree, value), _known(tree, onto)
    if value == onto:
        return "A value cannot stand below itself."
    if any(step.id == value for step in tree.path(onto)):
        return f"{quoted(target.name)} is itself below {quoted(source.name)}."
    if tree.parent(value) == onto:
        return f"{quoted(source.name)} is directly below {quoted(target.name)} already."
    if target.location is not None:
        return f"{quoted(target.name)} has a location, and values with a location have none below them."
    return None


def done_message(change: Change, before: Tree, after: Tree, written: CategoryValue) -> str:
    """What happened, in one sentence."""
    here = quoted(written.name)
    target = after.get(change.onto)
    there = quoted(target.name) if target is not None else "its target"
    old = before.get(change.value)
    match change.kind:
        case "create":
            return f"Added {here} below {there}." if change.onto is not None else f"Added {here} at the top level."
        case "rename":
            return f"Renamed {quoted(old.name) if old is not None else 'a value'} to {here}."
        case "merge":
            return f"Merged {here} into {there}. All that used {here} now uses {there}."
        case "below":
            return f"Moved {here} below {there}."
        case "top":
            return f"Moved {here} to the top level."
        case "retire":
            return f"Retired {here}."
        case _:
            assert_never(change.kind)


def changed_lists(change: Change, before: Tree, after: Tree, written: CategoryValue) -> tuple[int, ...]:
    """The values whose children the change touched, 0 for the top level."""
    parents = [tree.parent(written.id) or 0 for tree in (before, after) if tree.get(written.id) is not None]
    return tuple(dict.fromkeys(parents))


def of_interest(change: Change, before: Tree, written: CategoryValue) -> int | None:
    """The value to look at next."""
    match change.kind:
        case "merge":
            return change.onto
        case "retire":
            return before.parent(written.id) if before.get(written.id) is not None else None
        case _:
            return written.id


def quoted(name: str) -> str:
    """*name* for use in a sentence: in quotes, and isolated, so that its direction does not turn the sentence's."""
    return f"“\u2068{name}\u2069”"


def _why_not_retire(tree: Tree, value: int) -> str | None:
    here, count = quoted(_known(tree, value).name), len(tree.children(value))
    if count == 0:
        return None
    if count == 1:
        return f"{here} still has a value below it. Move or merge that first."
    return f"{here} still has {count:,} values below it. Move or merge them first."


def _known(tree: Tree, value: int) -> CategoryValue:
    found = tree.get(value)
    if found is None:
        raise UnknownValue(f"Value {value} is not, or no longer, among the available values of this category")
    return found
