"""Which files are taken, and which addresses give them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.files import FileRules, content_of, holds, id_in, id_sent_back, path_of, signature, signed
from ats_stub.domain.media_types import media_type_of
from catrelay.models import MAX_ID, FileDownload, FileUpload, MediaType
from catrelay.problems import InvalidRequest, LimitExceeded, Problem, UnsupportedFile
from tests.strategies import names

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def upload(data: bytes | str, file_name: str = "a.txt") -> FileUpload:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return FileUpload(data=text, file_name=file_name, via="device")


@pytest.mark.parametrize(
    ("file_name", "data", "media_type"),
    [
        ("cv.pdf", b"%PDF-1.7 ...", "application/pdf"),
        ("cv", b"%PDF-1.7 ...", "application/pdf"),
        ("Cv.PDF", b"%PDF-1.7 ...", "application/pdf"),
        ("cv.final", b"%PDF-1.7 ...", "application/pdf"),
        ("cv.docx", b"PK\x03\x04 ... word/document.xml ...", WORD),
        ("cv", b"PK\x03\x04 ... word/document.xml ...", WORD),
        ("cv.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 ...", "application/msword"),
        ("cv.rtf", b"{\\rtf1 ...", "application/rtf"),
        ("face.png", b"\x89PNG\r\n\x1a\n ...", "image/png"),
        ("face.jpeg", b"\xff\xd8\xff\xe0 ...", "image/jpeg"),
        ("face.gif", b"GIF89a ...", "image/gif"),
        ("voice.mp3", b"ID3 ...", "audio/x-mpeg-3"),
        ("voice.mp3", b"\xff\xfb\x90 ...", "audio/x-mpeg-3"),
        ("film.avi", b"RIFF....AVI LIST", "video/x-msvideo"),
        ("film.mp4", b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        ("page.html", b"<!DOCTYPE html>", "text/html"),
        ("note.txt", "Müller".encode("latin-1"), "text/plain"),
        ("note.txt", "Müller".encode("utf-16"), "text/plain"),
        ("note.txt", b"", "text/plain"),
    ],
)
def test_the_content_says_of_which_type_a_file_is(file_name: str, data: bytes, media_type: MediaType) -> None:
    assert media_type_of(file_name, data) == media_type


@pytest.mark.parametrize(
    ("file_name", "data"),
    [
        ("cv.pdf", b"MZ\x90\x00"),
        ("cv.pdf", b""),
        ("cv.png", b"%PDF-1.7 ..."),
        ("cv.docx", b"PK\x03\x04 ... xl/workbook.xml"),
        ("sheet.xlsx", b"PK\x03\x04 ... xl/workbook.xml"),
        ("run.exe", b"MZ\x90\x00"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 ..."),
        ("note.txt", b"a\x00b"),
        ("note", b"plain"),
        ("voice.mp3", b"\xff"),
        ("film.mp4", b"ftyp"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_or_of_no_type_of_the_contract_is_refused(
    file_name: str, data: bytes
) -> None:
    with pytest.raises(UnsupportedFile):
        content_of(upload(data, file_name), max_bytes=100, pointer="/resume")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("aGVsbG8", InvalidRequest),
        ("aGVs\nbG8=", InvalidRequest),
        ("aGVsbG8=aGVsbG8=", InvalidRequest),
        ("aGVs_-8=", InvalidRequest),
        ("grüße", InvalidRequest),
        (b"x" * 11, LimitExceeded),
        ("A" * 1_000, LimitExceeded),
    ],
)
def test_data_is_base64_within_the_bound(data: bytes | str, problem: type[Problem]) -> None:
    with pytest.raises(problem) as refused:
        content_of(upload(data), max_bytes=10, pointer="/items/0/value")

    assert [error.pointer for error in refused.value.errors] == ["/items/0/value/data"]


@given(st.binary(max_size=10).filter(lambda data: not set(data) & set(range(32))))
def test_what_is_within_the_bound_is_taken_as_it_is(data: bytes) -> None:
    assert content_of(upload(data), max_bytes=10, pointer="").data == data


def stored(file_id: int, name: str) -> FileDownload:
    return FileDownload(file_name=name, media_type="text/plain", size=1, pre_signed_uri=path_of(file_id, name))


@given(st.integers(1, MAX_ID), names, names)
def test_an_address_names_its_file_and_carries_the_files_name_at_its_end(file_id: int, name: str, tenant: str) -> None:
    rules = FileRules("https://ats.example")

    address = signed(stored(file_id, name), rules, tenant=tenant, key=b"key", now=NOW).pre_signed_uri

    assert id_sent_back(address, b"key") == id_in(path_of(file_id, name)) == file_id
    assert id_sent_back(address, b"another") is None
    assert id_in(address) is None
    assert address.isascii()
    assert address.partition("?")[0].endswith(path_of(file_id, name))


@pytest.mark.parametrize(
    "uri",
    ["", "https://elsewhere.example/files/1", "/files/byID/x/a", "/files/byID/1", "/files/byID/9999999999999999999/a"],
)
def test_what_is_no_address_of_ours_names_no_file(uri: str) -> None:
    assert id_in(uri) is None
    assert id_sent_back(uri, b"key") is None


def test_an_address_sent_back_must_be_signed_but_may_be_old() -> None:
    right = signature(b"key", "/files/byID/17/a.txt", 1)
    address = "https://ats.example/t/acme/files/byID/17/a.txt?expires=1&signature="

    assert id_sent_back(address + right, b"key") == 17
    assert id_sent_back("/files/byID/17/a.txt", b"key") == 17
    for wrong in ("", "0" * 64, right + "0"):
        assert id_sent_back(address + wrong, b"key") is None
    assert id_sent_back(address.replace("17", "18") + right, b"key") is None
    assert id_sent_back("https://ats.example/t/acme/files/byID/17/a.txt", b"key") is None


def test_an_address_is_the_same_for_a_while_and_holds_for_one_to_two_lifetimes() -> None:
    rules = FileRules("https://ats.example", link_lifetime=timedelta(hours=1))

    def at(minutes: int) -> str:
        now = NOW + timedelta(minutes=minutes)
        return signed(stored(17, "a.txt"), rules, tenant="acme", key=b"key", now=now).pre_signed_uri

    assert at(0) == at(59) != at(60)
    expires = int(NOW.timestamp()) + 2 * 60 * 60
    assert f"/t/acme/files/byID/17/a.txt?expires={expires}&signature=" in at(0)


def test_a_signature_holds_for_one_key_path_and_time() -> None:
    expires = int(NOW.timestamp()) + 1
    right = signature(b"key", "/files/byID/17/a.txt", expires)

    def holds_for(
        given: str = right, key: bytes = b"key", path: str = "/files/byID/17/a.txt", at: int = expires
    ) -> bool:
        return holds(given, key, path, at, now=NOW)

    assert holds_for()
    assert not holds(right, b"key", "/files/byID/17/a.txt", expires, now=NOW + timedelta(seconds=1))
    assert not holds_for(key=b"other")
    assert not holds_for(path="/files/byID/18/a.txt")
    assert not holds_for(at=expires + 1)
    assert not holds_for(given="")
    assert not holds_for(given=right.upper())
    assert not holds_for(given="\udcff")
