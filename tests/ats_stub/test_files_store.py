"""Files in a transaction, on both databases."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from ats_stub.domain.files import id_in
from ats_stub.store import Store, WriteUnit, schema
from ats_stub.store.files import download
from catrelay.models import FileDownload, FileUpload
from catrelay.problems import Forbidden, NotFound, UnknownFile
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def upload(text: str = "hello", file_name: str = "hello.txt", via: str = "device") -> FileUpload:
    return FileUpload(data=base64.b64encode(text.encode()).decode(), file_name=file_name, via=via)


@pytest.fixture
def unit(store: Store, access: Access) -> Iterator[WriteUnit]:
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        yield unit


def ids(unit: WriteUnit) -> list[int]:
    return list(unit.connection.scalars(select(schema.files.c.id).order_by(schema.files.c.id)))


def keep(unit: WriteUnit, file: FileUpload | FileDownload, owner: int = 5) -> FileDownload:
    return unit.files.keep("job", owner, file, pointer="/items/0/value")


def test_a_file_is_described_as_it_was_handed_in(unit: WriteUnit) -> None:
    kept = keep(unit, upload(via="dropbox.com"))

    assert kept.to_document() == {
        "fileName": "hello.txt",
        "via": "dropbox.com",
        "mediaType": "text/plain",
        "size": 5,
        "md5": "5d41402abc4b2a76b9719d911017c592",
        "dateUploaded": "2026-11-22T09:00:00Z",
        "preSignedUri": f"/files/byID/{ids(unit)[0]}/hello.txt",
    }


def test_a_file_that_the_object_has_is_not_kept_a_second_time(unit: WriteUnit) -> None:
    kept = keep(unit, upload())

    assert keep(unit, kept) == kept
    assert keep(unit, unit.files.signed(kept, NOW)) == kept
    assert keep(unit, kept.model_copy(update={"file_name": "renamed.txt", "size": 7})) == kept
    assert keep(unit, upload()) == kept
    assert len(ids(unit)) == 1


@pytest.mark.parametrize("other", [upload("hullo"), upload(file_name="b.txt"), upload(via="dropbox.com")])
def test_another_content_name_or_origin_is_another_file(unit: WriteUnit, other: FileUpload) -> None:
    assert keep(unit, upload()) != keep(unit, other)
    assert len(ids(unit)) == 2


def test_the_same_file_of_another_object_is_another_file(unit: WriteUnit) -> None:
    kept = keep(unit, upload())

    assert keep(unit, upload(), owner=6) != kept
    with pytest.raises(UnknownFile):
        keep(unit, kept, owner=6)
    with pytest.raises(UnknownFile):
        unit.files.keep("candidate", 5, kept, pointer="/resume")
    with pytest.raises(UnknownFile):
        keep(unit, kept.model_copy(update={"pre_signed_uri": "https://elsewhere.example/cv.pdf"}))


def test_files_that_an_object_holds_no_more_are_deleted_and_those_of_others_stay(unit: WriteUnit) -> None:
    first, second, other = keep(unit, upload("1")), keep(unit, upload("2")), keep(unit, upload("1"), owner=6)

    unit.files.drop_others("job", 5, [second])

    assert ids(unit) == [id_in(second.pre_signed_uri), id_in(other.pre_signed_uri)]
    unit.files.drop_others("job", 5, [])
    assert ids(unit) == [id_in(other.pre_signed_uri)]
    assert first not in (second, other)


def test_an_address_gives_its_file_until_it_is_too_old(store: Store, access: Access) -> None:
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        kept = keep(unit, upload(file_name="Über 100%.txt"))
        deleted = keep(unit, upload(file_name="deleted.txt"))
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        unit.files.drop_others("job", 5, [kept])
        address, gone = (unit.files.signed(file, NOW).pre_signed_uri for file in (kept, deleted))
    path, gone_path = kept.pre_signed_uri, deleted.pre_signed_uri
    expires, signature = (part.partition("=")[2] for part in address.partition("?")[2].split("&"))

    def get(
        *,
        tenant: str = "acme",
        file: int = id_in(path) or 0,
        name: str = "Über 100%.txt",
        at: datetime = NOW,
        to: int = 0,
    ) -> bytes:
        with store.database.read() as connection:
            return download(connection, tenant, file, name, expires=int(expires) + to, signature=signature, now=at).data

    assert get() == b"hello"
    assert get(at=NOW + timedelta(days=1)) == b"hello"
    wrong: list[Callable[[], bytes]] = [
        lambda: get(at=NOW + timedelta(days=2)),
        lambda: get(to=1),
        lambda: get(tenant="globex"),
        lambda: get(file=id_in(gone_path) or 0),
        lambda: get(name="other.txt"),
    ]
    for attempt in wrong:
        with pytest.raises(Forbidden):
            attempt()
    signature = gone.rpartition("=")[2]
    with store.database.read() as connection, pytest.raises(NotFound):
        download(
            connection, "acme", id_in(gone_path) or 0, "deleted.txt", expires=int(expires), signature=signature, now=NOW
        )
