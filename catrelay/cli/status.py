"""`catrelay status`: the whole suite at a glance."""

import httpx

from catrelay.cli.administer import JsonOption
from catrelay.cli.output import Cell, print_json, print_rows
from catrelay.cli.subscriptions import COLUMNS, row_of
from catrelay.cli.suite import SERVICES, read_suite
from catrelay.cli.target import Target, reaching
from catrelay.client import AtsClient
from catrelay.problems import Problem

EXAMPLE = "Example: catrelay status --suite suite/suite.json"
PROBE_SECONDS = 5


@reaching("ats")
async def status(target: Target, as_json: JsonOption = False) -> None:
    """Show the services, the journal's head and every subscriber's lag."""
    services = await _probe(_addresses(target))
    if not as_json:
        print_rows(services, ["service", "url", "state"])
    try:
        async with AtsClient(target.url, target.tenant, target.token) as ats:
            head = (await ats.tenant_journal(after=0, limit=1)).last_seq
            found = [each async for each in ats.all_subscriptions()]
    except Problem:
        if as_json:
            print_json({"services": services})
        raise
    if as_json:
        subscribers = [each.to_document() for each in found]
        print_json({"services": services, "journalHead": head, "subscriptions": subscribers})
    else:
        print_rows([{"journal": "head", "seq": head}], ["journal", "seq"])
        print_rows([row_of(each) for each in found], COLUMNS)


def _addresses(target: Target) -> dict[str, str]:
    if target.suite is None:
        return {"ats": target.url}
    suite = read_suite(target.suite)
    return {name: suite.member(name).url for name in SERVICES}


async def _probe(addresses: dict[str, str]) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = []
    async with httpx.AsyncClient(timeout=PROBE_SECONDS, trust_env=False) as http:
        for name, url in addresses.items():
            try:
                ready = (await http.get(f"{url}/readyz")).is_success
            except (httpx.HTTPError, httpx.InvalidURL):
                state = "no answer"
            else:
                state = "ready" if ready else "not ready"
            rows.append({"service": name, "url": url, "state": state})
    return rows
