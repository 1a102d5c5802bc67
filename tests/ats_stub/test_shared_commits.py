"""Requests that wait for the same commit: what each counts up is its own, and what fails leaves no trace."""

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from sqlalchemy import event, select

from ats_stub.operations.categories import category_of, create_category, update_category
from ats_stub.operations.values import write_value
from ats_stub.store import Store, WriteUnit, schema
from ats_stub.store.unit import Author
from catrelay.models import CategoryValueWrite, CategoryWrite
from catrelay.tokens import Access
from tests.ats_stub.writing import NOW, add, written

Act = Callable[[WriteUnit], Any]

asked_by: ContextVar[str] = ContextVar("asked_by")


@pytest.fixture
def category(store: Store, access: Access) -> int:
    return written(store, access, lambda unit: create_category(unit, CategoryWrite(name="Expertise")).id)


async def at_once(store: Store, access: Access, acts: list[Act], *, gives_up: bool = False) -> list[Any]:
    """What comes of *acts*, all asked for while a write is under way. gives_up: whoever asked for that has gone."""
    entered, go = threading.Event(), threading.Event()

    def hold(_: WriteUnit) -> None:
        entered.set()
        go.wait()

    author = Author(access.tenant_id, "tests", NOW)
    holding = asyncio.create_task(store.run(author, hold))
    await asyncio.to_thread(entered.wait)
    if gives_up:
        holding.cancel()
    asked = [asyncio.create_task(store.run(author, act)) for act in acts]
    await asyncio.sleep(0)  # they have asked
    go.set()
    return await asyncio.gather(*asked, return_exceptions=True)


def adding(category: int, name: str, *, fails: bool = False) -> Act:
    def act(unit: WriteUnit) -> int:
        value, _ = write_value(unit, category, CategoryValueWrite(name=name, external_id=name))
        if fails:
            raise ValueError(name)
        return value.id

    return act


def test_requests_that_wait_share_a_commit(store: Store, access: Access, category: int) -> None:
    commits: list[None] = []
    event.listen(store.database.engine, "commit", lambda _: commits.append(None))

    ids = asyncio.run(at_once(store, access, [adding(category, str(number)) for number in range(20)]))

    assert ids == list(range(ids[0], ids[0] + 20))
    assert len(commits) < len(ids)


def test_what_fails_is_neither_stored_nor_counted_nor_told(store: Store, access: Access, category: int) -> None:
    acts = [adding(category, str(number), fails=number % 3 == 1) for number in range(9)]

    outcomes = asyncio.run(at_once(store, access, acts))

    assert [str(each) for each in outcomes if isinstance(each, ValueError)] == ["1", "4", "7"]
    ids = [each for each in outcomes if isinstance(each, int)]
    assert ids == list(range(ids[0], ids[0] + 6))
    next_id = add(store, access, category, "next")
    assert next_id == ids[-1] + 1
    with store.read(access.tenant_id) as unit:
        assert [value.id for value in sorted(unit.values.available(category), key=lambda each: each.id)] == [
            *ids,
            next_id,
        ]
        told = unit.connection.execute(select(schema.changes.c.position, schema.changes.c.object)).all()
        assert [position for position, _ in told] == list(range(1, unit.counters.position + 1))
        assert [each for _, each in told] == [category, *ids, next_id]
        assert unit.categories.version(category) == unit.counters.position


def test_a_change_of_a_category_that_fails_is_seen_by_nobody(store: Store, access: Access, category: int) -> None:
    def rename_and_fail(unit: WriteUnit) -> None:
        update_category(unit, category, CategoryWrite(name="Skills"))
        assert category_of(unit, category).name == "Skills"
        raise ValueError("Skills")

    def name(unit: WriteUnit) -> str:
        return category_of(unit, category).name

    def rename(unit: WriteUnit) -> None:
        update_category(unit, category, CategoryWrite(name="Knowledge"))

    outcomes = asyncio.run(at_once(store, access, [name, rename_and_fail, name, rename, name]))

    assert [str(outcome) for outcome in outcomes] == ["Expertise", "Skills", "Expertise", "None", "Knowledge"]


def test_all_can_fail(store: Store, access: Access, category: int) -> None:
    acts = [adding(category, str(number), fails=True) for number in range(3)]

    outcomes = asyncio.run(at_once(store, access, acts))

    assert [str(each) for each in outcomes] == ["0", "1", "2"]
    with store.read(access.tenant_id) as unit:
        assert unit.values.available(category) == []


def test_who_gave_up_waiting_is_not_missed(store: Store, access: Access, category: int) -> None:
    [last] = asyncio.run(at_once(store, access, [adding(category, "last")], gives_up=True))

    assert last == add(store, access, category, "next") - 1


def test_a_request_keeps_its_own_context(store: Store, access: Access) -> None:
    async def ask() -> list[Any]:
        asked_by.set("one")
        first = asyncio.create_task(store.run(Author(access.tenant_id, "tests", NOW), lambda _: asked_by.get()))
        asked_by.set("other")
        other = asyncio.create_task(store.run(Author(access.tenant_id, "tests", NOW), lambda _: asked_by.get()))
        return [await first, await other]

    assert asyncio.run(ask()) == ["one", "other"]


def test_a_thread_that_writes_meanwhile_gets_its_turn(store: Store, access: Access, category: int) -> None:
    async def ask() -> None:
        others = [asyncio.to_thread(add, store, access, category, f"thread {number}") for number in range(10)]
        author = Author(access.tenant_id, "tests", NOW)
        await asyncio.gather(*others, *(store.run(author, adding(category, str(number))) for number in range(200)))

    asyncio.run(ask())

    with store.read(access.tenant_id) as unit:
        assert len(unit.values.available(category)) == 210
        assert unit.counters.position == 211
