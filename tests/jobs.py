"""What hypothesis draws: bodies of jobs, of every shape that the published schemas allow, and what they become."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from catrelay.models import COUNTRIES, Availability, CloseDates, PublishDates
from tests.items import items_written, moments
from tests.strategies import keys, texts

MAX_INTEGER = 2**63 - 1

long_texts = texts | st.builds(lambda text, times: text * times, texts, st.integers(100, 1_000))
_flags = st.none() | st.booleans()
_dates = st.none() | moments
_publish_dates = st.builds(
    PublishDates, publishDate=moments, internal_publish_date=_dates, external_publish_date=_dates
)
_close_dates = st.builds(CloseDates, closeDate=moments, internal_close_date=_dates, external_close_date=_dates)
availabilities = st.builds(
    Availability,
    available_internally=_flags,
    available_externally=_flags,
    job_publish_dates=st.none() | _publish_dates,
    application_close_dates=st.none() | _close_dates,
)


def jobs(
    *, orgs: st.SearchStrategy[int], categories: st.SearchStrategy[Any], users: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies that make a job. orgs, categories, users: what the members that reference others are drawn from."""
    return st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(["active", "complete"]),
            "org": orgs,
            "templateFlag": st.booleans(),
            "availability": availabilities.map(Availability.to_document),
            "code": texts,
            "externalId": keys,
            "accessCode": texts,
            "title": long_texts,
            "shortSummary": texts,
            "description": long_texts,
            "company": texts,
            "country": st.sampled_from(sorted(COUNTRIES)),
            "workflow": st.integers(-MAX_INTEGER, MAX_INTEGER),
            "categories": categories,
            "manager": users,
            "recruiter": users,
            "items": items_written().map(lambda items: [item.to_document() for item in items]),
        },
    )


def as_answered(body: Mapping[str, Any], users: Mapping[int, Any]) -> dict[str, Any]:
    """What a job that *body* makes is answered as, but for ids, its date and its files."""
    members = dict(body)
    chosen: dict[int, set[int]] = {}
    for entry in members.pop("categories", []):
        chosen.setdefault(entry["category"], set()).update(entry["values"])
    categories = [{"category": each, "values": sorted(values)} for each, values in sorted(chosen.items()) if values]
    items = [{"item": item.get("item", item)} for item in members.pop("items", [])]
    people = {name: users[members[name]["id"]] for name in ("manager", "recruiter") if name in members}
    listed = {"categories": categories, "items": items}
    return members | people | {name: member for name, member in listed.items() if member}


def without_files(document: Any) -> Any:
    """The document with what is in its files taken out."""
    if isinstance(document, list):
        return [without_files(each) for each in document]
    if isinstance(document, dict):
        is_file = document.get("type") == "file"
        return {name: without_files(member) for name, member in document.items() if not (is_file and name == "value")}
    return document
