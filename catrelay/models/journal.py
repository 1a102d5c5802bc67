"""The journal of remaps. Source: docs/contract/, "The journal"."""

from typing import Literal

from pydantic import Field

from catrelay.models.wire import MAX_ID, Id, Moment, Text, Wire

DEFAULT_PAGE_ENTRIES = 500
MAX_PAGE_ENTRIES = 5_000

Operation = Literal["inactivate", "remap", "restore", "undo"]


class JournalEntry(Wire):
    """One entry.

    id: the value. remapped_to: set for a remap. moved: objects whose references changed in the ATS.
    undoes: the seq of the remap that an undo takes back; id and remapped_to repeat that remap's.
    by: the app that asked for it.
    """

    seq: int = Field(ge=1)
    category: Id
    id: Id
    operation: Operation
    remapped_to: Id | None = None
    moved: int | None = Field(default=None, ge=0)
    undoes: int | None = Field(default=None, ge=1)
    at: Moment
    by: Text | None = None


class JournalPage(Wire):
    """Entries after a cursor, ascending by seq.

    last_seq: the tenant's newest (0 when there is none). first_seq: the oldest still kept (last_seq + 1 when none
    is). epoch: names this history; another epoch means another history.
    """

    results: tuple[JournalEntry, ...]
    last_seq: int | None = Field(default=None, ge=0)
    first_seq: int | None = Field(default=None, ge=1)
    epoch: Text | None = None


class Undo(Wire):
    """Body of `POST .../values/undo`: which remap to take back."""

    seq: int = Field(ge=1, le=MAX_ID)
