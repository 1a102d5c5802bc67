"""`catrelay subscriptions ...`: who gets pings, and how that goes."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import orjson
import typer

from catrelay.cli.administer import JsonOption
from catrelay.cli.following import entries_after
from catrelay.cli.group import new_group
from catrelay.cli.output import Cell, print_json, print_rows, say
from catrelay.cli.target import Target, reaching
from catrelay.client import AtsClient
from catrelay.models import MAX_ID, MAX_KEEP_SECONDS, TOPICS, Delivery, Subscription, SubscriptionCreate

COLUMNS = ("id", "app", "url", "state", "lag", "behind", "appliedSeq", "lastError")
UNITS = ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))
"""Of two or more seconds, minutes, hours or days."""

IdArgument = Annotated[int, typer.Argument(metavar="ID", min=1, max=MAX_ID, help="Id of the subscription, as listed")]


def _topic(text: str) -> str:
    if text not in TOPICS:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(TOPICS)}")
    return text


TopicsOption = Annotated[
    list[str], typer.Option("--topic", parser=_topic, metavar="TOPIC", help=f"Repeated for more: {', '.join(TOPICS)}")
]

subscriptions = new_group("See and steer who gets pings.")


def _example(arguments: str) -> str:
    return f"Example: catrelay subscriptions {arguments} --suite suite/suite.json"


def _client(target: Target) -> AtsClient:
    return AtsClient(target.url, target.tenant, target.token)


@subscriptions.command("list", epilog=_example("list"))
@reaching("ats")
async def list_(target: Target, as_json: JsonOption = False) -> None:
    """List the subscriptions with their state, and how far they are behind."""
    async with _client(target) as ats:
        found = [each async for each in ats.all_subscriptions()]
    if as_json:
        print_json([each.to_document() for each in found])
    else:
        print_rows([row_of(each) for each in found], COLUMNS)


@subscriptions.command(epilog=_example("show 18"))
@reaching("ats")
async def show(target: Target, subscription: IdArgument, as_json: JsonOption = False) -> None:
    """Show all there is to one subscription."""
    async with _client(target) as ats:
        document = (await ats.subscription(subscription)).to_document()
    if as_json:
        print_json(document)
    else:
        print_rows([{"member": name, "value": _text(text)} for name, text in document.items()], ["member", "value"])


@subscriptions.command(epilog=_example("add https://careers.example.com --topic categories --topic orgs"))
@reaching("ats")
async def add(
    target: Target,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where pings go, with /t/TENANT and their path behind it")],
    topic: TopicsOption,
    batch: Annotated[bool, typer.Option("--batch", help="Up to 1000 pings in one request")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask for pings from now on. Prints the id and, this once, the secret that signs them."""
    async with _client(target) as ats:
        made = await ats.subscribe(SubscriptionCreate.model_validate({"url": url, "topics": (*topic,), "batch": batch}))
    _print(made, ["id", "secret"], as_json=as_json)


@subscriptions.command(epilog=_example("remove 18"))
@reaching("ats")
async def remove(target: Target, subscription: IdArgument) -> None:
    """End a subscription; what was not delivered yet is dropped."""
    async with _client(target) as ats:
        await ats.unsubscribe(subscription)
    say(f"The subscription {subscription} is removed.")


@subscriptions.command(epilog=_example("pause 18"))
@reaching("ats")
async def pause(target: Target, subscription: IdArgument, as_json: JsonOption = False) -> None:
    """Send nothing more until it is resumed; it keeps its place."""
    async with _client(target) as ats:
        paused = await ats.pause_subscription(subscription)
    _print(paused, COLUMNS, as_json=as_json)


@subscriptions.command(epilog=_example("resume 18"))
@reaching("ats")
async def resume(target: Target, subscription: IdArgument, as_json: JsonOption = False) -> None:
    """Try again at once, whether it was paused, suspended or waits."""
    async with _client(target) as ats:
        resumed = await ats.resume_subscription(subscription)
    _print(resumed, COLUMNS, as_json=as_json)


@subscriptions.command(epilog=_example("replay 18 --since 0"))
@reaching("ats")
async def replay(
    target: Target,
    subscription: IdArgument,
    since: Annotated[
        int, typer.Option(min=0, max=MAX_ID, help="A cursor that it was at; 0: send all that is kept once more")
    ],
    as_json: JsonOption = False,
) -> None:
    """Send what changed after a cursor once more."""
    async with _client(target) as ats:
        replayed = await ats.replay_subscription(subscription, since_cursor=since)
    for sentence in to_expect(replayed):
        say(sentence)
    _print(replayed, COLUMNS, as_json=as_json)


@subscriptions.command("rotate-secret", epilog=_example("rotate-secret 18 --keep-seconds 3600"))
@reaching("ats")
async def rotate_secret(
    target: Target,
    subscription: IdArgument,
    keep_seconds: Annotated[
        int | None,
        typer.Option(
            min=0, max=MAX_KEEP_SECONDS, help="How long the old secret signs as well [default: the ATS's setting]"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign with a new secret. Prints it, this once."""
    async with _client(target) as ats:
        rotated = await ats.rotate_secret(subscription, keep_seconds=keep_seconds)
    _print(rotated, ["id", "secret", "oldSecretUntil"], as_json=as_json)


@subscriptions.command(epilog=_example("deliveries 18 --follow"))
@reaching("ats")
async def deliveries(
    target: Target,
    subscription: IdArgument,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as attempts are made, until Ctrl-C")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the latest attempts to reach the subscriber, one line each."""
    async with _client(target) as ats:

        async def read(after: int) -> Sequence[Delivery]:
            return (await ats.deliveries(subscription, after=after)).results

        async for each in entries_after(0, read, lambda each: each.id, follow=follow):
            typer.echo(orjson.dumps(each.to_document()).decode() if as_json else in_words(each))


def in_words(delivery: Delivery) -> str:
    """An attempt on one line: number, time, path, pings, status, duration, what was wrong, next attempt."""
    again = delivery.next_attempt
    columns = [
        str(delivery.id),
        f"{delivery.at:%Y-%m-%d %H:%M:%S}",
        delivery.path,
        "1 ping" if delivery.pings == 1 else f"{delivery.pings} pings",
        "no answer" if delivery.status is None else str(delivery.status),
        f"{delivery.milliseconds} ms",
        delivery.error or "",
        "" if again is None else f"again at {again:%Y-%m-%d %H:%M:%S}",
    ]
    return "\t".join(columns).rstrip()


def to_expect(replayed: Subscription) -> Iterator[str]:
    """What its user may not expect of a replay."""
    if replayed.missed:
        yield f"{replayed.missed} changes are no longer kept: the subscriber is told to load everything anew."
    if replayed.state == "suspended":
        yield f"It is {state_of(replayed)}: nothing is sent until it is resumed."


def row_of(subscription: Subscription) -> dict[str, Cell]:
    """A subscription as a row of COLUMNS."""
    document = subscription.to_document()
    found: dict[str, Cell] = {name: document.get(name) for name in COLUMNS}
    return found | {"state": state_of(subscription), "behind": behind(subscription)}


def state_of(subscription: Subscription) -> str:
    """Its state, told apart where somebody wanted it so."""
    return "paused" if subscription.paused else subscription.state


def behind(subscription: Subscription) -> str | None:
    """How far it is behind in time, in words; None when it is not."""
    if subscription.lag == 0:
        return None
    seconds = subscription.lag_seconds
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= 2 * size), UNITS[-1])
    return f"{seconds // size} {unit} behind"


def _print(subscription: Subscription, columns: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json(subscription.to_document())
    else:
        print_rows([subscription.to_document() | row_of(subscription)], columns)


def _text(member: object) -> str:
    return member if isinstance(member, str) else orjson.dumps(member).decode()
