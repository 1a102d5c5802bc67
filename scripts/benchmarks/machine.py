"""Facts about the machine, without which no figure means anything."""

import os
import platform
import sqlite3
import time
from math import nan
from pathlib import Path
from statistics import median

FLUSHES = 100
PAGE_BYTES = 4_096
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def facts(folder: Path) -> list[str]:
    """What the machine is, how busy it is, and what a flush to the disk below *folder* costs."""
    loads = " ".join(f"{load:.2f}" for load in os.getloadavg())
    return [
        f"{os.cpu_count()} cores, load {loads}, {platform.platform()}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"fsync of {PAGE_BYTES} bytes in {folder}: {flush_seconds(folder) * 1_000:.2f} ms (median of {FLUSHES})",
    ]


def flush_seconds(folder: Path) -> float:
    """What it takes to have one page on the disk."""
    taken = []
    with (folder / "flushed").open("wb", buffering=0) as file:
        for _ in range(FLUSHES):
            began = time.perf_counter()
            file.write(bytes(PAGE_BYTES))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken)


def cpu_seconds(pid: int) -> float:
    """How long the processor has worked for a process, in steps of a tick; nan where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return nan
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * TICK_SECONDS


def peak_megabytes(pid: int) -> float | None:
    """The most memory that a process ever held, or since `forget_peak`; None where the system does not tell."""
    return _megabytes(pid, "VmHWM")


def resident_megabytes(pid: int) -> float | None:
    """The memory that a process holds now, None where the system does not tell."""
    return _megabytes(pid, "VmRSS")


def forget_peak(pid: int) -> None:
    """Let the peak of a process count from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _megabytes(pid: int, entry: str) -> float | None:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    (found,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith(f"{entry}:"))
    return int(found) / 1_024
