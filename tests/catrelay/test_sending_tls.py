"""Whom pings are sent to over TLS."""

import ssl
from pathlib import Path

import pytest
import trustme

from catrelay.sending import Answer
from tests.raw_receivers import RawReceiver, answering
from tests.sending import post, post_all

NO_CONTENT = answering(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is what this machine trusts."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


def showing(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_a_trusted_authority_is_accepted(authority: trustme.CA) -> None:
    with RawReceiver(NO_CONTENT, tls=showing(authority, "127.0.0.1")).listening() as receiver:
        assert post_all(receiver.url, receiver.url) == [Answer(204)] * 2

    assert receiver.connections == 1


def test_a_certificate_of_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    with RawReceiver(NO_CONTENT, tls=showing(authority, "127.0.0.1")).listening() as receiver:
        answer = post(receiver.url)

    assert answer == Answer(None, "TLS failure: invalid peer certificate: UnknownIssuer")
    assert receiver.requests == []


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_name_is_refused(authority: trustme.CA) -> None:
    with RawReceiver(NO_CONTENT, tls=showing(authority, "other.example")).listening() as receiver:
        answer = post(receiver.url)

    assert answer.error is not None
    assert answer.error.startswith("TLS failure: invalid peer certificate: certificate not valid for name")
    assert "other.example" not in answer.error
    assert receiver.requests == []


def test_a_receiver_without_tls_is_not_sent_to_in_clear() -> None:
    with RawReceiver(NO_CONTENT).listening() as receiver:
        answer = post(receiver.url.replace("http:", "https:"), seconds=0.3)

    assert answer == Answer(None, "no answer within 0.3 s")
    assert receiver.requests == []


def test_a_machine_that_trusts_nobody_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "none.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    assert post("https://127.0.0.1:9/") == Answer(None, "TLS failure: this machine has no certificates of authorities")
