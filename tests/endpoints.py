"""What each endpoint of each service answers when it succeeds, as its handler declares it."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from catrelay.asgi.headers import JOURNAL_SEQ
from catrelay.asgi.openapi import TENANT, described
from catrelay.models import (
    CandidateRead,
    Categories,
    CategoriesActual,
    Category,
    CategoryValue,
    CategoryValues,
    JobRead,
    JobsRead,
    RelatedData,
    UploadStatus,
    UserRead,
    UsersRead,
)

SERVICES = ("ats_stub", "uploader", "replicator.careersite")

# The published schemas of models that are answered, by file name.
PUBLISHED: dict[type[BaseModel], str] = {
    CandidateRead: "candidateRead.json",
    Categories: "categories.json",
    CategoriesActual: "categoriesActual.json",
    Category: "category.json",
    CategoryValue: "categoryValue.json",
    CategoryValues: "categoryValues.json",
    JobRead: "jobRead.json",
    JobsRead: "jobsRead.json",
    RelatedData: "categoryRelatedData.json",
    UploadStatus: "uploadStatus.json",
    UserRead: "userRead.json",
    UsersRead: "usersRead.json",
}


@dataclass(frozen=True)
class Endpoint:
    """What an endpoint answers. path: the template below /t/{tenant}. model: None where there is none."""

    method: str
    path: str
    statuses: tuple[int, ...]
    model: type[BaseModel] | None
    journal_seq: bool

    @property
    def published(self) -> str | None:
        """The file name of the published schema."""
        return None if self.model is None else PUBLISHED.get(self.model)


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Those of all services that answer JSON. What several serve under one path is answered alike."""
    with TemporaryDirectory() as folder:
        found = {(each.method, each.path): each for service in SERVICES for each in _of(service, Path(folder))}
    return tuple(found.values())


def _of(service: str, folder: Path) -> Iterator[Endpoint]:
    settings = importlib.import_module(f"{service}.cli").service.settings(database=f"sqlite:///{folder}/{service}.db")
    for each in described(importlib.import_module(f"{service}.app").create_app(settings).routes):
        if each.path.startswith(TENANT):
            operation = each.operation
            yield Endpoint(
                each.method,
                each.path.removeprefix(TENANT),
                operation.statuses,
                operation.answer,
                JOURNAL_SEQ in operation.sends,
            )
