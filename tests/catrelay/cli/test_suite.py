import json
import stat
from pathlib import Path

import pytest

from catrelay.cli.failure import Failure
from catrelay.cli.suite import GRANTS, SERVICES, Member, Suite, locked, read_suite, secrets_of, write_private


def test_tokens_are_made_once_for_each_tenant_and_kept_from_others_eyes(tmp_path: Path) -> None:
    first = secrets_of(tmp_path, "acme").tokens["acme"]
    other = secrets_of(tmp_path, "globex").tokens["globex"]

    assert secrets_of(tmp_path, "acme").tokens == {"acme": first, "globex": other}
    assert {(service, app) for service, apps in first.items() for app in apps} == {(g.service, g.app) for g in GRANTS}
    assert not {t for apps in first.values() for t in apps.values()} & {
        t for apps in other.values() for t in apps.values()
    }
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_key_is_made_once_also_for_a_folder_of_an_older_version(tmp_path: Path) -> None:
    secrets = secrets_of(tmp_path, "acme")
    assert secrets_of(tmp_path, "acme").secret_key == secrets.secret_key

    write_private(tmp_path / "secrets.json", {"tokens": secrets.tokens})
    made = secrets_of(tmp_path, "acme")

    assert made.tokens == secrets.tokens
    assert made.secret_key != secrets.secret_key
    assert secrets_of(tmp_path, "globex").secret_key == made.secret_key


def test_a_private_file_takes_the_place_of_another_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("something longer than what comes")
    path.chmod(0o644)

    write_private(path, {"a": 1})

    assert json.loads(path.read_text()) == {"a": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_ready_file_reads_back(tmp_path: Path) -> None:
    member = Member(url="http://127.0.0.1:8800", token="t", pid=2, database="sqlite:///x.db")
    suite = Suite(tenant="acme", pid=1, **dict.fromkeys(SERVICES, member))
    path = tmp_path / "suite.json"

    write_private(path, suite.to_document())

    assert read_suite(path) == suite


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_what_is_no_ready_file_is_said_to_be_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "suite.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(Failure, match="does not tell of a running suite"):
        read_suite(path)


def test_a_folder_is_for_one_suite_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(Failure, match="another suite runs on"), locked(tmp_path, wait_seconds=0):
        pass

    with locked(tmp_path, wait_seconds=0):
        pass
