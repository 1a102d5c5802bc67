"""`catrelay subscriptions ...`: who gets pings, and how that goes."""

from catrelay.cli.administer import JsonOption
from catrelay.cli.group import new_group
from catrelay.cli.output import Cell, print_json, print_rows
from catrelay.cli.target import Target, reaching
from catrelay.client import AtsClient
from catrelay.models import Subscription

COLUMNS = ("id", "app", "url", "state", "lag", "appliedSeq", "lastError")

subscriptions = new_group("See who gets pings.")


@subscriptions.command("list", epilog="Example: catrelay subscriptions list --suite suite/suite.json")
@reaching("ats")
async def list_(target: Target, as_json: JsonOption = False) -> None:
    """List the subscriptions with their state and lag."""
    async with AtsClient(target.url, target.tenant, target.token) as ats:
        found = (await ats.subscriptions()).results
    if as_json:
        print_json([each.to_document() for each in found])
    else:
        print_rows([row_of(each) for each in found], COLUMNS)


def row_of(subscription: Subscription) -> dict[str, Cell]:
    """A subscription as a row of COLUMNS."""
    document = subscription.to_document()
    return {name: document.get(name) for name in COLUMNS}
