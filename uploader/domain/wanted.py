"""The tree that an upload asks for, and what its body alone shows to be wrong. Source: docs/contract/, "Uploads"."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from catrelay.models import CategoryValuesUpload, CategoryValueUpload
from catrelay.problems import FieldError, InvalidRequest, LimitExceeded, UploadMappingAmbiguous

ROOT_POINTER = "/categoryValues"


@dataclass(frozen=True, slots=True)
class WantedNode:
    """A node of the upload.

    index: its place in document order, parents first. parent: the index of the node it shall stand under; None for a
    root, and for a node that shall be unavailable, wherever the body has it. depth: 0 for those, else the parent's + 1.
    """

    index: int
    pointer: str
    parent: int | None
    depth: int
    value: CategoryValueUpload

    @property
    def available(self) -> bool:
        """Whether the node shall be available."""
        return self.value.available is not False

    @property
    def nameless(self) -> bool:
        """Whether nothing in the body says which object this is."""
        return self.value.id is None and self.value.external_id is None

    def gives(self, member: str) -> bool:
        """Whether the body has the member, be it null."""
        return member in self.value.model_fields_set

    @property
    def label(self) -> str:
        """What the sender knows the node by."""
        value = self.value
        named = value.code or value.external_id or (str(value.id) if value.id is not None else value.name)
        return named or self.pointer


def wanted_nodes(upload: CategoryValuesUpload, *, max_depth: int) -> tuple[WantedNode, ...]:
    """All nodes in document order.

    Raises LimitExceeded for a tree of more than *max_depth* levels, InvalidRequest for members that contradict each
    other or the nesting, UploadMappingAmbiguous when two nodes name one object.
    """
    nodes: list[WantedNode] = []
    errors: list[FieldError] = []
    # A stack instead of recursion, in reverse, so that nodes come out in document order.
    stack = _children(ROOT_POINTER, upload.category_values, None, 1)
    while stack:
        pointer, value, above, level = stack.pop()
        if level > max_depth:
            raise LimitExceeded(f"The tree is deeper than {max_depth} levels at {pointer}", limit=max_depth)
        errors += _errors(pointer, value, above)
        available = value.available is not False
        parent = above if available else None
        depth = parent.depth + 1 if parent is not None else 0
        node = WantedNode(len(nodes), pointer, parent.index if parent is not None else None, depth, value)
        nodes.append(node)
        stack += _children(pointer + "/values", value.values or (), node, level + 1)
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InvalidRequest(f"The body is wrong at {errors[0].pointer}: {errors[0].detail}{more}", errors=errors)
    _refuse_twins(nodes)
    return tuple(nodes)


_Pending = tuple[str, CategoryValueUpload, WantedNode | None, int]


def _children(
    pointer: str, values: Sequence[CategoryValueUpload], above: WantedNode | None, level: int
) -> list[_Pending]:
    return [(f"{pointer}/{place}", value, above, level) for place, value in reversed(list(enumerate(values)))]


def _errors(pointer: str, value: CategoryValueUpload, above: WantedNode | None) -> list[FieldError]:
    given = value.model_fields_set
    errors = [
        FieldError(f"{pointer}/{member}", "cannot be cleared")
        for member in ("name", "available")
        if member in given and getattr(value, member) is None
    ]
    if "parent" in given and _contradicts(value.parent, above):
        errors.append(FieldError(f"{pointer}/parent", "says otherwise than the nesting"))
    if value.available is False:
        if value.id is None and value.external_id is None:
            errors.append(FieldError(f"{pointer}/available", "an unavailable value needs an id or externalId"))
    else:
        if above is not None and not above.available:
            errors.append(FieldError(pointer, "stands under a value that shall be unavailable"))
        if value.remapped_to is not None:
            errors.append(FieldError(f"{pointer}/remappedTo", "is for a value that shall be unavailable"))
    if value.remapped_to is not None and value.remapped_to == value.id:
        errors.append(FieldError(f"{pointer}/remappedTo", "is the value itself"))
    return errors


def _contradicts(parent: int | None, above: WantedNode | None) -> bool:
    if above is None or parent is None:
        return parent is not None or above is not None
    # A parent known by externalId only may turn out to have that id: the mapping knows.
    return above.value.id is not None and above.value.id != parent


def _refuse_twins(nodes: Sequence[WantedNode]) -> None:
    pointers: dict[tuple[str, int | str], list[str]] = defaultdict(list)
    for node in nodes:
        if node.value.id is not None:
            pointers["id", node.value.id].append(f"{node.pointer}/id")
        if node.value.external_id is not None:
            pointers["externalId", node.value.external_id].append(f"{node.pointer}/externalId")
    refuse_ambiguity({f"{member} {key}": found for (member, key), found in pointers.items()})


def refuse_ambiguity(pointers: dict[str, list[str]]) -> None:
    """Raise UploadMappingAmbiguous when an object has more than one pointer into the body. Keys: the objects' names."""
    errors = [
        FieldError(pointer, f"{name} is named by {len(found)} nodes")
        for name, found in pointers.items()
        if len(found) > 1
        for pointer in found
    ]
    if errors:
        raise UploadMappingAmbiguous(f"{errors[0].detail}, first at {errors[0].pointer}", errors=errors)
