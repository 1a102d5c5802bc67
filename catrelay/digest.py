"""What a category's tree comes to in a few bytes, so that two holders of it can tell whether theirs are the same.

Pure rules, shared by the ATS and by all who hold a replica. Source: docs/contract/, "The digest".
"""

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from catrelay.models import BranchDigest, ValuesDigest

Document = Mapping[str, Any]

MEMBERS = ("code", "externalId", "id", "location", "name", "parent", "sequence")
"""What counts of a value. A member that is added to the contract one day does not, so that digests stay comparable."""


def digest(values: Iterable[Document], *, seq: int) -> ValuesDigest:
    """The digest of a tree, given as the JSON documents of its available values in any order, each with its *parent*.

    seq: the journal entry as of which it holds. A value whose parent is not among *values* begins a branch.
    """
    documents = {value["id"]: value for value in values}
    branches: dict[int, list[int]] = {}
    for value, top in _tops({value: document.get("parent") for value, document in documents.items()}).items():
        branches.setdefault(top, []).append(value)
    found = [
        BranchDigest(id=top, count=len(members), hash=_hash(_counted(documents[each]) for each in sorted(members)))
        for top, members in sorted(branches.items())
    ]
    return ValuesDigest(
        seq=seq, count=len(documents), hash=_hash(each.to_document() for each in found), branches=tuple(found)
    )


def canonical_number(number: float) -> str:
    """*number*, finite, as ECMAScript writes it: 1.0 is 1, 1e-05 is 0.00001. Source: RFC 8785, 3.2.2.3."""
    # Python finds the same shortest digits as ECMAScript; only where the point stands is told differently at times.
    if number == 0:
        return "0"
    if 1e-4 <= abs(number) < 1e16:
        return repr(number).removesuffix(".0")
    sign = "-" if number < 0 else ""
    _, found, exponent = Decimal(repr(abs(number))).normalize().as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, found))
    point = len(digits) + exponent
    if len(digits) <= point <= 21:
        return sign + digits + "0" * exponent
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if digits[1:] else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def _tops(parents: Mapping[int, int | None]) -> dict[int, int]:
    """The first value of the branch that each value stands in, by value.

    A loop, which a replica may hold between two pings, is a branch named by its smallest id.
    """
    tops: dict[int, int] = {}
    for value in parents:
        way, at = [value], parents[value]
        while at is not None and at in parents and at not in tops and at not in way:
            way.append(at)
            at = parents[at]
        if at in tops:
            top = tops[at]
        elif at in way:
            top = min(way[way.index(at) :])
        else:
            top = way[-1]
        tops.update(dict.fromkeys(way, top))
    return tops


def _hash(documents: Iterable[Document]) -> str:
    """SHA-256 of *documents*, each as canonical JSON (RFC 8785) on a line of its own."""
    hashed = hashlib.sha256()
    for document in documents:
        hashed.update(orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
    return hashed.hexdigest()


def _counted(value: Document) -> dict[str, Any]:
    counted = {name: value[name] for name in MEMBERS if value.get(name) is not None}
    if "sequence" in counted:
        counted["sequence"] = _canonical(counted["sequence"])
    if "location" in counted:
        counted["location"] = {
            name: _canonical(member) for name, member in counted["location"].items() if member is not None
        }
    return counted


def _canonical(member: object) -> object:
    return orjson.Fragment(canonical_number(member)) if isinstance(member, float) else member
