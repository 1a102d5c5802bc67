"""What If-Match and If-None-Match ask. Source: RFC 9110, sections 8.8.3, 13.1.1 and 13.1.2.

An entity-tag is written as on the wire, quotes included. A gzipped representation has the tag of the plain one with
`-gzip` before the closing quote; both name the same state of a resource, so that the suffix is not compared. Nor does
If-Match compare what stands behind a dot: it is of the representation, with what moves by itself.
"""

import re
from dataclasses import dataclass

from catrelay.problems import InvalidRequest

QUOTE = '"'
_GZIPPED_END = '-gzip"'

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_EACH = re.compile(r'(W/)?("[^"]*")')


@dataclass(frozen=True)
class _Tags:
    """The entity-tags of a header. any: it was `*`."""

    any: bool
    strong: frozenset[str]
    weak: frozenset[str]


def matches(header: str | None, etag: str) -> bool:
    """Whether the If-Match in *header* (None: there is none) lets a change to the state with *etag* happen.

    Compares strongly: a weak tag never matches. Raises InvalidRequest for what is no list of entity-tags.
    """
    if header is None:
        return True
    tags = _parse(header, "If-Match")
    return tags.any or (not etag.startswith("W/") and _state(plain(etag)) in map(_state, tags.strong))


def is_known(header: str | None, etag: str) -> bool:
    """Whether the If-None-Match in *header* (None: there is none) names *etag*: its sender has the representation.

    Compares weakly. Raises InvalidRequest for what is no list of entity-tags.
    """
    if header is None:
        return False
    tags = _parse(header, "If-None-Match")
    return tags.any or plain(etag.removeprefix("W/")) in tags.strong | tags.weak


def plain(etag: str) -> str:
    """The tag of the representation without content coding."""
    return f'{etag.removesuffix(_GZIPPED_END)}"' if etag.endswith(_GZIPPED_END) else etag


def with_moving(etag: str, of_all: str) -> str:
    """The tag of a representation whose state alone has *etag*, and that has *of_all* with what moves by itself."""
    return f"{etag.removesuffix(QUOTE)}.{of_all.removeprefix(QUOTE)}"


def gzipped(etag: str) -> str:
    """The tag of the gzipped representation."""
    return etag.removesuffix('"') + _GZIPPED_END


def _state(etag: str) -> str:
    return etag.partition(".")[0].removesuffix(QUOTE)


def _parse(header: str, name: str) -> _Tags:
    if header.strip(" \t") == "*":
        return _Tags(any=True, strong=frozenset(), weak=frozenset())
    if not _LIST.fullmatch(header):
        raise InvalidRequest(f'The header {name} is `*` or a list of entity-tags, such as "a1b2", "c3d4"')
    found = _EACH.findall(header)
    return _Tags(
        any=False,
        strong=frozenset(plain(tag) for weak, tag in found if not weak),
        weak=frozenset(plain(tag) for weak, tag in found if weak),
    )
