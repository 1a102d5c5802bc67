"""What a JSON Merge Patch makes of any object. Source: docs/contract/, "Common to all services"; RFC 7396."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic_core import to_json

from catrelay.models import Wire
from catrelay.parsing import parse_body
from catrelay.problems import ExternalIdImmutable, FieldError

State = TypeVar("State", bound=Wire)

Document = Mapping[str, Any]


def patched_state(before: Document, patch: Document, model: type[State]) -> State:
    """The object *before* with *patch* applied, as *model*. Raises InvalidRequest."""
    return parse_body(to_json(merged(before, patch), inf_nan_mode="constants"), model)


def merged(target: object, patch: object) -> object:
    """*target* with the JSON Merge Patch *patch* applied, but that cleared members stay, as null.

    A model reads null as not set, and still refuses it for a member that it does not know or cannot do without.
    Source: RFC 7396, section 2.
    """
    if not isinstance(patch, Mapping):
        return patch
    present = target if isinstance(target, Mapping) else {}
    return {**present, **{name: merged(present.get(name), member) for name, member in patch.items()}}


def check_external_id(kind: str, before: Document, patch: Document) -> None:
    """Raise ExternalIdImmutable when *patch* changes or clears the externalId of a *kind* of object that has one."""
    present = before.get("externalId")
    if present is None or "externalId" not in patch or patch["externalId"] == present:
        return
    detail = "cannot be null" if patch["externalId"] is None else f"is {present!r} and cannot be changed"
    raise ExternalIdImmutable(
        f"The {kind} keeps its externalId {present!r}", errors=[FieldError("/externalId", detail)]
    )
