"""Of a process on the same machine others see at once that it is gone; of another machine nothing is known."""

import subprocess
import sys

from replicator.leaders import is_gone, new_leader


def test_replicators_of_one_process_have_names_of_their_own_and_are_there() -> None:
    first, second = new_leader(), new_leader()

    assert first != second
    assert not is_gone(first)


def test_an_earlier_process_with_the_same_number_is_gone() -> None:
    host, number, _, replicator = new_leader().split(" ")

    assert is_gone(f"{host} {number} another {replicator}")


def test_a_process_is_gone_once_it_was_killed() -> None:
    code = "from replicator.leaders import new_leader; print(new_leader(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        leader = process.stdout.readline().strip()
        was_there = not is_gone(leader)
        process.kill()
    assert was_there
    assert is_gone(leader)


def test_what_is_not_of_this_machine_is_taken_to_be_there() -> None:
    assert not is_gone("elsewhere 1 2 3")
    assert not is_gone("another")
