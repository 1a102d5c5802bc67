"""When to act: spread over time by chance, which is drawn elsewhere."""

from datetime import timedelta

FIRST_RETRY = timedelta(seconds=1)
LAST_RETRY = timedelta(seconds=15)
JITTER_SHARE = 0.2


def jittered(interval: timedelta, chance: float) -> timedelta:
    """*interval*, up to a fifth shorter or longer, so that apps which started together do not ask together.

    chance: 0 to 1.
    """
    return interval * (1 - JITTER_SHARE + 2 * JITTER_SHARE * chance)


def retry_after(failures: int, chance: float) -> timedelta:
    """How long to wait after so many failures in a row: 1 s, doubled up to 15 s, jittered. failures: at least 1."""
    return jittered(min(FIRST_RETRY * 2 ** min(failures - 1, 10), LAST_RETRY), chance)
