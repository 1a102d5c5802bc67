"""Signing in, and what is refused to whom."""

from typing import Any

import httpx
import pytest

from catman.pages import SECURITY_HEADERS
from catman.sessions import MAX_FORM_BYTES, MAX_FORM_FIELDS
from tests.catman.conftest import EDITOR, House
from tests.catman.stage import TENANT

SIGN_IN = f"/t/{TENANT}/sign-in"


def test_the_root_leads_to_the_only_tenants_editor(anybody: House) -> None:
    response = anybody.get("/")

    assert (response.status_code, response.headers["location"]) == (303, f"/t/{TENANT}/edit")


def test_a_page_leads_to_the_sign_in_and_from_there_back(anybody: House) -> None:
    refused = anybody.get(anybody.base)
    form = anybody.get(refused.headers["location"])
    response = anybody.submit(SIGN_IN, {"token": anybody.reader, "next": anybody.base})

    assert refused.status_code == 303
    assert f'name="next" value="{anybody.base}"' in form.text
    assert response.headers["location"] == anybody.base
    assert anybody.get(anybody.base).status_code == 200


def test_the_cookie_is_kept_from_scripts_other_sites_and_other_tenants(anybody: House) -> None:
    cookie = anybody.sign_in(anybody.writer).headers["set-cookie"]

    assert cookie == f"catman={anybody.writer}; HttpOnly; Path=/t/{TENANT}/edit; SameSite=strict"


def test_no_other_service_on_the_host_is_sent_the_token(house: House) -> None:
    def sent_to(path: str) -> str:
        cookie: str = house.http.build_request("GET", f"{EDITOR}{path}").headers.get("cookie", "")
        return cookie

    assert sent_to(f"/t/{TENANT}/careers") == ""
    assert sent_to(house.base) == f"catman={house.writer}"


def test_editors_at_two_ports_of_a_host_are_signed_in_to_one_by_one(house: House) -> None:
    async def at_another_port(method: str, path: str, **sent: Any) -> httpx.Response:
        url = f"{EDITOR}:8812"
        return await house.http.request(method, url + path, headers={"origin": url}, **sent)

    before = house.run(lambda: at_another_port("GET", house.base)).status_code
    house.run(lambda: at_another_port("POST", SIGN_IN, data={"token": house.reader}))
    after = house.run(lambda: at_another_port("GET", house.base)).status_code
    house.run(lambda: at_another_port("POST", f"/t/{TENANT}/sign-out"))

    assert (before, after) == (303, 200)
    assert house.change(kind="create", name="IT").status_code == 200


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", f"/t/{TENANT}/editor", "/t/beta/edit"])
def test_signing_in_leads_nowhere_but_into_the_editor(anybody: House, onward: str) -> None:
    response = anybody.submit(SIGN_IN, {"token": anybody.writer, "next": onward})

    assert response.headers["location"] == f"/t/{TENANT}/edit"


@pytest.mark.parametrize("token", ["", "catrelay_wrong"])
def test_a_wrong_token_is_refused_in_words(anybody: House, token: str) -> None:
    response = anybody.sign_in(token)

    assert response.status_code == 403
    assert "does not open the editor here" in response.text
    assert "set-cookie" not in response.headers


def test_a_tenant_that_does_not_exist_is_not_told_from_one_that_does(anybody: House) -> None:
    pages = [anybody.get(f"/t/{tenant}/sign-in") for tenant in (TENANT, "beta")]
    refusals = [anybody.submit(f"/t/{tenant}/sign-in", {"token": "x"}) for tenant in (TENANT, "beta")]

    assert pages[0].text.replace(TENANT, "beta") == pages[1].text
    assert refusals[0].text.replace(TENANT, "beta") == refusals[1].text


def test_signing_out_ends_the_session(house: House) -> None:
    response = house.submit(f"/t/{TENANT}/sign-out", {})

    assert response.headers["location"] == SIGN_IN
    assert house.get(house.base).status_code == 303


def test_a_script_without_a_session_is_told_so(anybody: House) -> None:
    assert anybody.get(f"{anybody.base}/children").status_code == 401
    assert anybody.change(kind="create", name="x").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": EDITOR, "sec-fetch-site": "cross-site"},
        {"origin": EDITOR, "sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", [SIGN_IN, f"/t/{TENANT}/sign-out"])
def test_a_form_of_another_site_is_refused(house: House, path: str, headers: dict[str, str]) -> None:
    response = house.submit(path, {"token": house.writer}, **headers)

    assert response.status_code == 403
    assert house.get(house.base).status_code == 200


def test_a_change_from_another_site_is_refused(house: House) -> None:
    response = house.post(f"{house.base}/changes", {"kind": "create", "name": "x"}, origin="https://evil.example")

    assert response.status_code == 403
    assert house.run(house.ats.tree, house.category).answer == ()


def test_a_token_that_may_only_read_cannot_change(looking_on: House) -> None:
    response = looking_on.change(kind="create", name="x")

    assert response.status_code == 403
    assert looking_on.run(looking_on.ats.tree, looking_on.category).answer == ()


def test_a_token_that_may_only_read_is_offered_no_changes(looking_on: House) -> None:
    value = looking_on.add("IT")

    assert "Add a value" not in looking_on.get(looking_on.base).text
    assert 'data-act="rename"' not in looking_on.get(f"{looking_on.base}/values/{value.id}").text


def test_a_form_without_end_is_refused(anybody: House) -> None:
    assert anybody.submit(SIGN_IN, {"token": "x" * MAX_FORM_BYTES}).status_code == 413


def test_a_form_with_too_many_fields_is_refused(anybody: House) -> None:
    fields = {f"field{number}": "" for number in range(MAX_FORM_FIELDS + 1)}

    assert anybody.submit(SIGN_IN, fields).status_code == 400


def test_every_answer_keeps_to_itself(house: House) -> None:
    answers = [house.get(path) for path in ("/", SIGN_IN, house.base, "/static/style.css", "/nowhere", "/healthz")]

    for answer in answers:
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "unsafe-inline" not in SECURITY_HEADERS["content-security-policy"]
    assert house.get(house.base).headers["cache-control"] == "no-store"


def test_discovery_takes_a_bearer_token(anybody: House) -> None:
    async def discover(token: str) -> tuple[int, str]:
        response = await anybody.http.get(f"/t/{TENANT}", headers={"authorization": f"Bearer {token}"})
        return response.status_code, response.text

    assert anybody.run(discover, anybody.reader)[0] == 200
    assert '"service":"catman"' in anybody.run(discover, anybody.reader)[1]
    assert anybody.run(discover, "wrong")[0] == 401
