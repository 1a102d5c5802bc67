"""A write to a job that ends between any two of its statements, on both databases."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from ats_stub.operations import jobs as operations
from ats_stub.operations.users import create_user
from ats_stub.store import Store, Unit, schema
from catrelay.tokens import Access
from tests.ats_stub.crashes import Crash, crash_at

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
MIN_STATEMENTS = 8


def file_item(text: str) -> dict[str, Any]:
    upload = {"data": base64.b64encode(text.encode()).decode(), "fileName": "a.txt", "via": "device"}
    return {"type": "file", "name": "Letter", "value": upload}


def found(unit: Unit, keyword: str) -> list[int]:
    matching = unit.search.matching("job", keyword)
    assert matching is not None
    return list(unit.connection.scalars(matching))


def everything(store: Store, tenant: int, job: int) -> dict[str, Any]:
    with store.read(tenant) as unit:
        files = unit.connection.execute(select(schema.files.c.id, schema.files.c.data)).all()
        changes = unit.connection.scalars(select(schema.changes.c.position)).all()
        return {
            "job": operations.answered(unit, operations.job_of(unit, job), LATER).to_document(),
            "files": sorted((row.id, bytes(row.data)) for row in files),
            "found": [found(unit, word) for word in ("old", "new")],
            "changes": changes,
            "next id": unit.counters.next_id,
        }


def test_a_job_with_its_files_users_and_words_is_written_whole_or_not_at_all(store: Store, access: Access) -> None:
    tenant = access.tenant_id
    with store.write(tenant, app="tests", now=NOW) as unit:
        boss = create_user(unit, {"externalId": "boss"}).id
        job = operations.create_job(unit, {"status": "active", "title": "old", "items": [file_item("1")]}).id
    before = everything(store, tenant, job)
    patch = {"title": "new", "items": [file_item("2"), file_item("3")], "manager": {"externalId": "boss"}}

    crashes = 0
    while True:
        try:
            with (
                crash_at(store.database, crashes + 1),
                store.write(tenant, app="tests", now=LATER) as unit,
            ):
                operations.patch_job(unit, job, patch)
        except Crash:
            crashes += 1
            assert everything(store, tenant, job) == before
        else:
            break

    after = everything(store, tenant, job)
    assert crashes > MIN_STATEMENTS
    assert [data for _, data in after["files"]] == [b"2", b"3"]
    assert (after["found"], after["job"]["manager"]["id"]) == ([[], [job]], boss)
