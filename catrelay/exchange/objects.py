"""Users, jobs and candidates of the source as they are written into the target.

They are handled as JSON, not as models: what a newer ATS answers besides is brought along, and what the target does not
take it says itself.
"""

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from catrelay.exchange.lines import Document, Line

ObjectKind = Literal["user", "job", "candidate"]
OBJECT_KINDS: tuple[ObjectKind, ...] = ("user", "job", "candidate")
"""In the order in which they are imported: a job names users."""

PATHS: Mapping[ObjectKind, str] = {"user": "/users", "job": "/jobs", "candidate": "/candidates"}

_GIVEN_BY_THE_ATS = ("id", "dateLastUpdated")
_PEOPLE = ("manager", "recruiter")


class Untranslatable(Exception):
    """An object refers to something that could not be imported."""


class Translation(Protocol):
    """The target's ids by the source's."""

    def category(self, category: int) -> int | None:
        """None for one that was deleted since."""

    def value(self, value: int) -> int | None:
        """Where references to the value end; None when it is gone. Raises Untranslatable."""

    def user(self, user: int) -> int:
        """Raises Untranslatable."""


@dataclass(frozen=True)
class Wanted:
    """An object as it shall be. body: as it is sent. answered: the same members as the target answers them."""

    body: Document
    answered: Document


def wanted(line: Line, translation: Translation) -> Wanted:
    """The object of *line* with the target's ids. Raises Untranslatable."""
    answered = {name: member for name, member in deepcopy(line.data).items() if name not in _GIVEN_BY_THE_ATS}
    if line.kind == "user":
        answered.pop("items", None)  # a user's items can be read only
        if answered.get("activeFlag") is False:
            del answered["activeFlag"]  # it comes last
        answered["orgs"] = sorted(_values(answered.get("orgs", ()), translation))
    else:
        answered["categories"] = _categories(answered.get("categories", ()), translation)
        for name in _PEOPLE:
            if "id" in answered.get(name, {}):
                answered[name] = {"id": translation.user(answered[name]["id"])}
    if "org" in answered:
        org = translation.value(answered.pop("org"))
        answered |= {} if org is None else {"org": org}
    body = _as_sent(answered, line.files)
    return Wanted(body, _comparable(answered))


def patch(wanted: Wanted, present: Document, mapped: Collection[int]) -> Document:
    """The members of *present*, the target's object, that have to be written.

    mapped: the target's categories that the source has; references in others stay. A member that the source does not
    have stays as it is.
    """
    found = _comparable(present)
    body = dict(wanted.body)
    answered = dict(wanted.answered)
    if "categories" in answered:
        own = [entry for entry in found.get("categories", ()) if entry["category"] not in mapped]
        body["categories"] = answered["categories"] = _sorted_categories([*answered["categories"], *own])
    body.pop("externalId", None) if "externalId" in found else None
    return {
        _written_as(name): body[_written_as(name)]
        for name, member in answered.items()
        if _written_as(name) in body and not _covers(found.get(name, _nothing(name)), member)
    }


def _nothing(name: str) -> object:
    return [] if name in ("categories", "orgs", "items") else None


def _values(values: Collection[int], translation: Translation) -> set[int]:
    return {each for each in map(translation.value, values) if each is not None}


def _categories(entries: Collection[Document], translation: Translation) -> list[Document]:
    found: dict[int, set[int]] = {}
    for entry in entries:
        category = translation.category(entry["category"])
        if category is not None:
            found.setdefault(category, set()).update(_values(entry["values"], translation))
    return _sorted_categories([{"category": category, "values": values} for category, values in found.items()])


def _sorted_categories(entries: Collection[Document]) -> list[Document]:
    ordered = sorted(entries, key=lambda entry: int(entry["category"]))
    return [{"category": e["category"], "values": sorted(e["values"])} for e in ordered if e["values"]]


def _written_as(name: str) -> str:
    return "resume" if name == "resumeMeta" else name


def _as_sent(answered: Document, files: Mapping[str, Document]) -> Document:
    """The members as they are written: items without their packages, files with their contents."""
    body = deepcopy(answered)
    if "items" in body:
        body["items"] = [
            _item_as_sent(package["item"], f"/items/{index}/item", files)
            for index, package in enumerate(body["items"])
            if "item" in package
        ]
    if body.pop("resumeMeta", None) is not None and "/resumeMeta" in files:
        body["resume"] = files["/resumeMeta"]
    return {name: member for name, member in body.items() if member not in ([], {}) or name in _PEOPLE}


def _item_as_sent(part: Any, pointer: str, files: Mapping[str, Document]) -> Any:
    if pointer in files:
        return files[pointer]
    if isinstance(part, dict):
        return {
            name: _item_as_sent(member, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}", files)
            for name, member in part.items()
        }
    if isinstance(part, list):
        return [_item_as_sent(member, f"{pointer}/{index}", files) for index, member in enumerate(part)]
    return part


def _comparable(document: Document) -> Document:
    """*document* with what differs between equal objects of two tenants taken away."""
    found = _without_moments_of_files(document)
    assert isinstance(found, dict)
    if "categories" in found:
        found["categories"] = _sorted_categories(found["categories"])
    if "orgs" in found:
        found["orgs"] = sorted(found["orgs"])
    return found


def _without_moments_of_files(part: Any) -> Any:
    if isinstance(part, dict):
        kept = part if "mediaType" not in part else {k: part[k] for k in ("fileName", "size", "md5") if k in part}
        return {name: _without_moments_of_files(member) for name, member in kept.items()}
    if isinstance(part, list):
        return [_without_moments_of_files(member) for member in part]
    return part


def _covers(present: object, wanted: object) -> bool:
    """Whether a merge patch with *wanted* would change nothing of *present*."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(_covers(present.get(name), each) for name, each in wanted.items())
    return present == wanted
