"""The four flows, one after another."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from catrelay.cli.failure import explain
from catrelay.cli.output import say
from catrelay.demo import flow_editor, flow_install, flow_restart, flow_upload
from catrelay.demo.checks import Flow
from catrelay.demo.load import load_ats
from catrelay.demo.report import print_flow
from catrelay.demo.stage import Stage, open_stage


@dataclass(frozen=True)
class Act:
    """A flow to play."""

    title: str
    play: Callable[[Stage, Flow], Awaitable[None]]


ACTS = (
    Act("Career site is installed and tracks changes", flow_install.play),
    Act("Category manager: Takapuna becomes North Shore", flow_editor.play),
    Act("Upload app: the whole list, changed in three places", flow_upload.play),
    Act("Career site comes back up after restart", flow_restart.play),
)


async def play(folder: Path, console: Console) -> list[Flow]:
    """Load the sample tenant into the suite that runs on *folder*, play the flows, and print them as they end."""
    flows: list[Flow] = []
    async with open_stage(folder) as stage:
        say("Loading the sample tenant")
        say(f"Loaded {await load_ats(stage)}\n")
        for act in ACTS:
            flow = Flow(act.title)
            try:
                await act.play(stage, flow)
            except Exception as error:  # noqa: BLE001 - whatever went wrong, this flow did not end well
                flow.check("it runs to its end", expected="no trouble", seen=explain(error))
            print_flow(console, flow)
            flows.append(flow)
    return flows
