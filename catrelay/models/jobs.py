"""Jobs. Source: docs/contract/, "Jobs, users, candidates"."""

from typing import Literal

from pydantic import ConfigDict, Field

from catrelay.models.items import ItemPackagesRead, ItemsWrite
from catrelay.models.people import UserRead
from catrelay.models.values import CategoriesActual, Country
from catrelay.models.wire import MAX_ID, Id, Key, Moment, Text, Wire

JobStatus = Literal["active", "complete"]


class PublishDates(Wire):
    """When a job became visible; the internal and external dates default to *publish_date*."""

    publish_date: Moment
    internal_publish_date: Moment | None = None
    external_publish_date: Moment | None = None


class CloseDates(Wire):
    """When applications end; the internal and external dates default to *close_date*."""

    close_date: Moment
    internal_close_date: Moment | None = None
    external_close_date: Moment | None = None


class Availability(Wire):
    """To whom a job is open, and when."""

    available_internally: bool | None = None
    available_externally: bool | None = None
    job_publish_dates: PublishDates | None = None
    application_close_dates: CloseDates | None = None


class _Job(Wire):
    status: JobStatus | None = None
    org: Id | None = None
    template_flag: bool | None = None
    availability: Availability | None = None
    code: Text | None = None
    external_id: Key | None = None
    access_code: Text | None = None
    title: Text | None = None
    short_summary: Text | None = None
    description: Text | None = None
    company: Text | None = None
    country: Country | None = None
    workflow: int | None = Field(default=None, ge=-MAX_ID, le=MAX_ID)
    categories: CategoriesActual | None = None


class UserName(Wire):
    """The user that a job names, by *id* or else by *external_id*.

    Whatever else a body says of the user is not looked at: a user as it was answered may be sent back.
    """

    model_config = ConfigDict(extra="ignore")

    id: Id | None = None
    external_id: Key | None = None


class JobWrite(_Job):
    """A job's whole intended state, as it stands after a merge patch was applied."""

    manager: UserName | None = None
    recruiter: UserName | None = None
    items: ItemsWrite | None = None


class JobRead(_Job):
    """A job, as answered. date_last_updated: always there from our ATS; the published schema does not promise it."""

    id: Id
    manager: UserRead | None = None
    recruiter: UserRead | None = None
    items: ItemPackagesRead | None = None
    date_last_updated: Moment | None = None


class JobsRead(Wire):
    """A page of jobs. total: absent, as counting costs more than the page."""

    total: int | None = None
    results: tuple[JobRead, ...]
