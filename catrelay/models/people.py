"""Users and candidates. Source: docs/contract/, "Jobs, users, candidates"."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag

from catrelay.models.files import FileDownload, FileUpload
from catrelay.models.freeform import Details
from catrelay.models.items import ItemPackagesRead, ItemsWrite
from catrelay.models.jcard import JCard
from catrelay.models.values import CategoriesActual, CategoryActual
from catrelay.models.wire import Id, Key, Moment, Text, Wire

# RFC 3986: a scheme, and what may follow it.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")


def _uri(text: str) -> str:
    if not _URI.fullmatch(text):
        raise ValueError("is not a URI, such as https://example.com/face.png")
    return text


Uri = Annotated[str, AfterValidator(_uri), Field(json_schema_extra={"format": "uri"})]


class Person(Wire):
    """Somebody's name and addresses. vcard: more of that, as a jCard."""

    given_name: Text | None = None
    family_name: Text | None = None
    email: Text | None = None
    image: Uri | None = None
    vcard: JCard | None = None


class Login(Wire):
    """Who a user is to the identity provider. Of an ATS's users no two have the same."""

    entity_id: Text = Field(alias="entityID")
    name_id: Text = Field(alias="nameID")


def _orgs_form(orgs: object) -> str:
    return "with category" if isinstance(orgs, Mapping | CategoryActual) else "bare"


Orgs = Annotated[
    Annotated[tuple[Id, ...], Tag("bare")] | Annotated[CategoryActual, Tag("with category")],
    Discriminator(_orgs_form),
]
"""Values of the org tree: bare, or with the tree's category."""


class _User(Wire):
    active_flag: bool | None = None
    person: Person | None = None
    login: Login | None = None
    external_id: Key | None = None
    manager: Details | None = None
    recruiter: Details | None = None


class UserWrite(_User):
    """A user's whole intended state, as it stands after a merge patch was applied."""

    orgs: Orgs | None = None


class UserRead(_User):
    """A user, as answered. date_last_updated: always there from our ATS; the published schema does not promise it."""

    id: Id
    orgs: tuple[Id, ...] | None = None
    items: ItemPackagesRead | None = None
    date_last_updated: Moment | None = None


class UsersRead(Wire):
    """A page of users. total: absent, as counting costs more than the page."""

    total: int | None = None
    results: tuple[UserRead, ...]


class _Candidate(Wire):
    notifications: bool | None = None
    internal_flag: bool | None = None
    person: Person | None = None
    categories: CategoriesActual | None = None


class CandidateWrite(_Candidate):
    """A candidate's whole intended state, as it stands after a merge patch was applied.

    resume: a file that takes the place of the one that the candidate has.
    """

    resume: FileUpload | None = None
    items: ItemsWrite | None = None


class CandidateRead(_Candidate):
    """A candidate, as answered."""

    id: Id
    resume_meta: FileDownload | None = None
    items: ItemPackagesRead | None = None


class CandidatesRead(Wire):
    """A page of candidates. next: the path of the next page, absent on the last."""

    results: tuple[CandidateRead, ...]
    next: str | None = None
