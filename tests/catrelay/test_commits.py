"""Writers share commits, in the order in which they came."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, event, insert, select, text

from catrelay.commits import WriterQueue
from catrelay.database import Database
from catrelay.statements import Statement

metadata = MetaData()
numbers = Table("written", metadata, Column("number", Integer, primary_key=True, autoincrement=False))
INSERT = Statement(insert(numbers))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
    yield database
    database.close()


def commits_of(database: Database) -> list[None]:
    """Grows with each commit."""
    commits: list[None] = []
    event.listen(database.engine, "commit", lambda _: commits.append(None))
    return commits


def written(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.scalars(select(numbers).order_by(numbers.c.number)))


class Writers:
    """Writes from threads of their own, all of which wait while one of them holds the turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = ThreadPoolExecutor(32)
        self._queue = database._queue(None)

    def while_one_writes(self, numbers: list[int], fail: Callable[[int], bool] = lambda _: False) -> list[Future[None]]:
        entered, go = threading.Event(), threading.Event()
        first = self._pool.submit(self._write, numbers[0], entered, go, fail)
        entered.wait()
        others = []
        for number in numbers[1:]:
            others.append(self._pool.submit(self._write, number, threading.Event(), go, fail))
            while len(self._queue._waiting) < len(others):
                pass
        go.set()
        return [first, *others]

    def _write(self, number: int, entered: threading.Event, go: threading.Event, fail: Callable[[int], bool]) -> None:
        with self._database.write() as connection:
            entered.set()
            go.wait()
            connection.execute(text("INSERT INTO written VALUES (:number)"), {"number": number})
            if fail(number):
                raise ValueError(number)


def test_those_who_wait_share_a_commit_in_the_order_in_which_they_came(database: Database) -> None:
    commits = commits_of(database)
    order: list[int] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _c, _u, statement, given, *_: order.extend(given if "INSERT" in statement else ()),
    )

    for future in Writers(database).while_one_writes([7, 3, 9, 1, 5]):
        future.result()

    assert order == [7, 3, 9, 1, 5]
    assert len(commits) == 1


@pytest.mark.parametrize("failing", [7, 3, 5])
def test_what_fails_is_rolled_back_alone(database: Database, failing: int) -> None:
    futures = Writers(database).while_one_writes([7, 3, 9, 1, 5], fail=lambda number: number == failing)

    errors = [future.exception() for future in futures]

    assert [str(error) for error in errors if error] == [str(failing)]
    assert written(database) == sorted({7, 3, 9, 1, 5} - {failing})


def test_a_commit_that_fails_fails_for_all_who_share_it(database: Database) -> None:
    def refuse(_: object) -> None:
        raise OSError("disk full")

    event.listen(database.engine, "commit", refuse)
    futures = Writers(database).while_one_writes([7, 3, 9])

    assert [str(future.exception()) for future in futures] == ["disk full"] * 3
    event.remove(database.engine, "commit", refuse)
    assert written(database) == []


def test_a_part_that_takes_the_whole_transaction_with_it_fails_for_all_who_share_it(database: Database) -> None:
    """As SQLite itself rolls back more than the statement when the disk is full."""
    with database.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full BEFORE INSERT ON written WHEN NEW.number = 3"
                " BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END"
            )
        )
    futures = Writers(database).while_one_writes([7, 3, 9])

    failed = [future.exception() is not None for future in futures]

    assert failed == [True, True, False]
    assert written(database) == [9]


def test_a_queue_goes_on_after_it_could_not_connect() -> None:
    def connect() -> None:
        raise OSError("no such host")

    with ThreadPoolExecutor() as workers:
        queue = WriterQueue(connect, 1, workers)  # type: ignore[arg-type]  # it never returns

        for _ in range(2):
            with pytest.raises(OSError, match="no such host"), queue.turn():
                pass
            with pytest.raises(OSError, match="no such host"):
                asyncio.run(queue.run(lambda _: None))


def test_nobody_waits_for_the_commit_of_a_long_part(database: Database) -> None:
    """What came before is committed before it begins, what comes after begins when it is committed."""
    seen: list[list[int]] = []
    entered, go = threading.Event(), threading.Event()

    def write(number: int, *, is_long: bool = False) -> None:
        with database.turn(1, is_long=is_long) as transaction:
            if number == 1:
                entered.set()
                go.wait()
            seen.append(written(database))
            transaction.mark()
            transaction.connection.execute(text("INSERT INTO written VALUES (:number)"), {"number": number})

    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(write, 1)]
        entered.wait()
        for place, number in enumerate((2, 3, 4), start=1):
            futures.append(pool.submit(write, number, is_long=number == 3))
            while len(database._queue(1)._waiting) < place:
                pass
        go.set()
        for future in futures:
            future.result()

    assert seen == [[], [], [1, 2], [1, 2, 3]]


def test_many_writers_lose_nothing(database: Database) -> None:
    def write(number: int) -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO written VALUES (:number)"), {"number": number})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(500)))

    assert written(database) == list(range(500))


class Debt:
    """Rows that are written with the commit."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def settle(self, connection: Connection) -> None:
        """There is nothing that anybody looks for."""

    def pay(self, connection: Connection) -> None:
        for number in self.numbers:
            INSERT.run(connection, {"number": number})


@pytest.mark.parametrize("owed", [(1, 2, 3), (1, 1, 3)])
def test_what_is_owed_is_paid_with_the_commit_or_nothing_is_written(
    database_url: str, owed: tuple[int, int, int]
) -> None:
    database = Database(database_url)
    with database.write() as connection:
        metadata.create_all(connection)

    entered, go = threading.Event(), threading.Event()

    def owe(number: int) -> None:
        with database.turn(1) as transaction:
            entered.set()
            go.wait()
            transaction.owed("numbers", lambda _: Debt()).numbers.append(number)

    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(owe, owed[0])]
        entered.wait()
        for place, number in enumerate(owed[1:], start=1):
            futures.append(pool.submit(owe, number))
            while len(database._queue(1)._waiting) < place:
                pass
        go.set()
        errors = [future.exception() for future in futures]

    are_alike = len(set(owed)) < len(owed)
    assert [error is not None for error in errors] == [are_alike] * 3
    assert written(database) == ([] if are_alike else list(owed))
    owe(7)
    assert written(database)[-1] == 7
    database.close()
