"""Items and files of jobs over HTTP, on both databases."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from catrelay.tokens import Scope
from tests.running import Running

TEXT = {"type": "string", "name": "Why", "value": "because"}


def file_item(text: str = "hello", file_name: str = "hello.txt") -> dict[str, Any]:
    upload = {"data": base64.b64encode(text.encode()).decode(), "fileName": file_name, "via": "device"}
    return {"type": "file", "name": "Letter", "value": upload}


def file_of(job: dict[str, Any], index: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = job["items"][index]["item"]["value"]
    return found


def fetch(ats: Running, uri: str) -> httpx.Response:
    """The answer to who has the address and no token."""
    address = urlsplit(uri)
    return ats.with_token("").call("GET", f"{address.path.removeprefix('/t/acme')}?{address.query}")


def patched(ats: Running, job: dict[str, Any], patch: dict[str, Any], **options: Any) -> httpx.Response:
    return ats.call("PATCH", f"/jobs/byID/{job['id']}", patch, **options)


def test_items_are_answered_in_packages_as_they_were_sent(ats: Running) -> None:
    table = {"type": "table", "name": "Rows", "value": [[TEXT, TEXT], []]}
    cascade = {"type": "cascade", "name": "Kind", "value": [{"choice": "yes", "subItems": [table]}, {"choice": "no"}]}

    job = ats.post("/jobs", {"items": [cascade, TEXT, TEXT]})

    assert job["items"] == [{"item": cascade}, {"item": TEXT}, {"item": TEXT}]
    assert ats.get(f"/jobs/byID/{job['id']}") == job
    assert ats.get("/jobs")["results"] == [job]


def test_a_file_is_given_to_who_has_its_address(ats: Running) -> None:
    job = ats.post("/jobs", {"items": [TEXT, file_item("<script>", "Grüße 100%.html")]})

    file = file_of(job, 1)
    answer = fetch(ats, file["preSignedUri"])

    assert (answer.status_code, answer.content) == (200, b"<script>")
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20100%25.html"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert file["preSignedUri"].startswith("http://127.0.0.1:8800/t/acme/files/byID/")
    assert urlsplit(file["preSignedUri"]).path.endswith("/Gr%C3%BC%C3%9Fe%20100%25.html")
    assert file.items() >= {"mediaType": "text/html", "size": 8, "via": "device"}.items()


def test_an_address_that_was_altered_gives_nothing(ats: Running, new_token: Callable[[str, str, Scope], str]) -> None:
    new_token("globex", "tests", "write")
    uri = file_of(ats.post("/jobs", {"items": [file_item()]}))["preSignedUri"]
    other = file_of(ats.post("/jobs", {"items": [file_item("other")]}))["preSignedUri"]
    path, _, query = uri.removeprefix("http://127.0.0.1:8800/t/acme").partition("?")
    expires = query.partition("&")[0]
    stranger = ats.with_token("")

    for altered in (
        f"{path}?{expires}&signature=0",
        f"{path}?{expires}9&{query.partition('&')[2]}",
        f"{path}x?{query}",
        f"{urlsplit(other).path.removeprefix('/t/acme')}?{query}",
        f"/files/byID/999999/hello.txt?{query}",
    ):
        assert stranger.refused("GET", altered) == (403, "forbidden")
    for tenant in ("globex", "nobody", "\x00"):
        assert ats.with_token("", tenant=quote(tenant)).refused("GET", f"{path}?{query}") == (403, "forbidden")
    assert stranger.refused("GET", path) == (400, "invalid-request")
    assert stranger.refused("GET", f"/files/byID/x/hello.txt?{query}") == (404, "not-found")


def test_items_that_were_read_can_be_changed_and_sent_back(ats: Running) -> None:
    job = ats.post("/jobs", {"items": [TEXT, file_item()]})
    assert patched(ats, job, {"items": job["items"]}).json() == job

    text, file = job["items"]
    changed = patched(ats, job, {"items": [file, {"item": text["item"] | {"value": "else"}}, file["item"]]}).json()

    assert changed["items"] == [file, {"item": text["item"] | {"value": "else"}}, file]
    assert fetch(ats, file_of(job, 1)["preSignedUri"]).content == b"hello"


def test_the_same_file_handed_in_again_changes_nothing(ats: Running) -> None:
    job = ats.post("/jobs", {"items": [file_item()]})

    assert patched(ats, job, {"items": [file_item()]}).json() == job
    assert patched(ats, job, {"title": None}).json() == job


@pytest.mark.parametrize("items", [None, [], [file_item("another")]])
def test_a_file_goes_with_the_write_that_drops_it(ats: Running, items: Any) -> None:
    job = ats.post("/jobs", {"items": [file_item()]})
    uri = file_of(job)["preSignedUri"]

    assert "dateLastUpdated" in patched(ats, job, {"items": items}).json()

    assert fetch(ats, uri).status_code == 404


def test_a_write_that_is_refused_leaves_the_files_as_they_were(ats: Running) -> None:
    job = ats.post("/jobs", {"items": [file_item()], "externalId": "a"})
    ats.post("/jobs", {"externalId": "b"})

    refused = ats.refused("POST", "/jobs", {"items": [file_item("lost")], "externalId": "b"})
    assert refused == (400, "external-id-taken")
    assert patched(ats, job, {"items": [file_item("x", "x.pdf")]}).status_code == 400

    assert fetch(ats, file_of(job)["preSignedUri"]).content == b"hello"
    assert ats.get(f"/jobs/byID/{job['id']}") == job


def test_a_file_of_another_job_or_tenant_is_not_taken(
    ats: Running, new_token: Callable[[str, str, Scope], str]
) -> None:
    items = ats.post("/jobs", {"items": [file_item()]})["items"]
    other = ats.with_token(new_token("globex", "tests", "write"), tenant="globex")

    for tenant in (ats, other):
        mine = tenant.post("/jobs", {"items": [file_item("mine")]})
        assert tenant.refused("POST", "/jobs", {"items": items}) == (400, "unknown-file")
        assert tenant.refused("PATCH", f"/jobs/byID/{mine['id']}", {"items": items}) == (400, "unknown-file")


@pytest.mark.parametrize(
    ("value", "kind", "pointer"),
    [
        ({"data": "?"}, "invalid-request", "/items/0/value/1/0/value/data"),
        ({"data": "aGVsbG8"}, "invalid-request", "/items/0/value/1/0/value/data"),
        ({"fileName": "hello.exe"}, "unsupported-file", "/items/0/value/1/0/value"),
        ({"fileName": "hello.pdf"}, "unsupported-file", "/items/0/value/1/0/value"),
        ({"fileName": "../hello.txt"}, "invalid-request", "/items/0/value/1/0/value/fileName"),
        ({"data": base64.b64encode(b"x" * 5_242_881).decode()}, "limit-exceeded", "/items/0/value/1/0/value/data"),
    ],
)
def test_a_wrong_file_is_refused_by_its_pointer(ats: Running, value: dict[str, Any], kind: str, pointer: str) -> None:
    item = file_item()
    table = {"type": "table", "name": "Rows", "value": [[], [item | {"value": item["value"] | value}]]}

    response = ats.call("POST", "/jobs", {"items": [table]})

    assert response.status_code == 400
    assert response.json()["type"].endswith(f":{kind}")
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert ats.get("/jobs")["results"] == []


def test_the_etag_of_a_job_with_files_lasts(ats: Running) -> None:
    job = ats.post("/jobs", {"items": [file_item()]})
    path = f"/jobs/byID/{job['id']}"

    etag = ats.call("GET", path).headers["etag"]

    assert ats.call("GET", path, headers={"if-none-match": etag}).status_code == 304
    assert patched(ats, job, {"title": "x"}, headers={"if-match": etag}).status_code == 200
    assert patched(ats, job, {"title": "y"}, headers={"if-match": etag}).status_code == 412
