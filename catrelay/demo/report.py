"""What a person sees of the flows: a few lines each, ending in ✓ or ✗."""

from rich.console import Console
from rich.text import Text

from catrelay.demo.checks import Check, Flow

YES, NO = "✓", "✗"


def print_flow(console: Console, flow: Flow) -> None:
    """Print what was done and checked; its last line has the verdict."""
    console.print(Text(flow.title, style="bold"))
    for event in flow.events:
        if isinstance(event, Check):
            _print_check(console, event)
        else:
            console.print(Text(f"    {event}"))
    mark, style = (YES, "bold green") if flow.ended_well else (NO, "bold red")
    verdict = "ended as the document says" if flow.ended_well else "did NOT end as the document says"
    console.print(Text(f"{mark} {flow.title}: {verdict}\n", style=style))


def _print_check(console: Console, check: Check) -> None:
    console.print(
        Text(f"  {YES} {check.claim}", style="green")
        if check.holds
        else Text(f"  {NO} {check.claim}: {check.difference()}", style="red")
    )
