"""A process that must not outlive the one that started it."""

import os
import signal
import threading
import time

STDIN = 0
STOP_SECONDS = 10
"""How long an orderly stop may take before the process ends anyway."""


def stop_when_stdin_closes() -> None:
    """Send this process SIGTERM once its standard input ends, and end it hard when that does not help in time.

    The starter holds the other end of the pipe: the system closes it however the starter ends, kill -9 included.
    (PR_SET_PDEATHSIG would be Linux only, and leaves a gap between fork and exec.)
    """
    threading.Thread(target=_wait_and_stop, name="lifeline", daemon=True).start()


def _wait_and_stop() -> None:
    while os.read(STDIN, 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)  # a service that does not stop by then is ended
    os._exit(1)
