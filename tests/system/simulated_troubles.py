"""Time, and all that goes wrong in it, one method for each kind of step."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import timedelta

from ats_stub.store.compaction import compact
from tests.system.simulated_apps import Site
from tests.system.simulated_ats import TENANT, AtsSite, Backup, now
from tests.system.simulated_network import Network
from tests.system.simulated_operator import Operator
from tests.system.simulated_plan import MOST, Step
from tests.system.simulated_processes import Crash

KEPT_SECONDS = (0.0, 0.5, 10.0)


class Troubles:
    """Each method does what the step says, if there is something to do it to, and says what it did."""

    def __init__(
        self, network: Network, ats: AtsSite, sites: Sequence[Site], operator: Operator, restored: Callable[[], None]
    ) -> None:
        self._network = network
        self._ats = ats
        self._sites = sites
        self._operator = operator
        self._restored = restored
        self._backup: Backup | None = None

    async def pause(self, step: Step) -> str | None:
        await asyncio.sleep(0.01 + step.a / MOST)
        return "over"

    async def long_pause(self, step: Step) -> str | None:
        await asyncio.sleep(1 + 90 * step.a / MOST)
        return "over"

    async def kill_app(self, step: Step) -> str | None:
        site = self._sites[step.a % len(self._sites)]
        if site.process is None or site.process.is_dead:
            return None
        site.process.kill()
        return site.name

    async def crash_app(self, step: Step) -> str | None:
        site = self._sites[step.a % len(self._sites)]
        if site.process is None or site.process.is_dead:
            return None
        site.process.die_after(1 + step.b % 120, is_last_done=bool(step.c % 2))
        return f"{site.name} within {1 + step.b % 120}"

    async def kill_ats(self, step: Step) -> str | None:
        if self._ats.life is None:
            return None
        self._ats.life.process.kill()
        return "done"

    async def crash_ats(self, step: Step) -> str | None:
        if self._ats.life is None:
            return None
        self._ats.life.process.die_after(1 + step.b % 60, is_last_done=bool(step.c % 2))
        return f"within {1 + step.b % 60}"

    async def cut(self, step: Step) -> str | None:
        self._network.cut.add(self._sites[step.a % len(self._sites)].name)
        return ", ".join(sorted(self._network.cut))

    async def heal(self, step: Step) -> str | None:
        if not self._network.cut:
            return None
        self._network.cut.clear()
        return "all"

    async def compact(self, step: Step) -> str | None:
        ats = self._ats.life
        if ats is None:
            return None
        since = now() - timedelta(seconds=KEPT_SECONDS[step.a % len(KEPT_SECONDS)])
        with suppress(Crash):
            compact(ats.store, TENANT, app="compaction", now=now(), keep_since=since)
        self._ats.compacted()
        return f"from {self._ats.first_seq}"

    async def back_up(self, step: Step) -> str | None:
        if self._ats.life is None:
            return None
        self._backup = self._ats.back_up(self._operator.values)
        return f"as of {self._backup.seq}"

    async def restore_backup(self, step: Step) -> str | None:
        if self._backup is None:
            return None
        if self._ats.life is not None:
            self._ats.life.process.kill()
        next_id = self._ats.replace(self._backup)
        self._operator.values = deepcopy(self._backup.values)
        self._restored()
        assert self._ats.life is not None
        self._ats.life.begin_history(next_id)
        self._ats.compacted()
        return f"of {self._backup.seq}"
