"""Facts about the machine, without which no figure means anything."""

import os
import platform
import sqlite3
import time
from pathlib import Path
from statistics import median

FLUSHES = 100
PAGE_BYTES = 4_096


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


def peak_megabytes(pid: int) -> float | None:
    """The most memory that a process ever held, None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak) / 1_024
