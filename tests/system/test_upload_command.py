"""`catrelay upload`, against a suite."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command import Outcome, run_command
from tests.system.suites import Up, up

Upload = Callable[..., Outcome]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A suite that the tests share."""
    with up(tmp_path_factory.mktemp("suite")) as suite:
        yield suite


@pytest.fixture
def category(running: Up) -> int:
    """A new category."""
    id_: int = made(running, "/categories", {"name": "Suburbs"})["id"]
    return id_


def made(running: Up, path: str, document: object) -> Any:
    """What the ATS makes of *document*."""
    ats = running.suite.ats
    answer = httpx.post(f"{ats.url}/t/acme{path}", json=document, headers={"authorization": f"Bearer {ats.token}"})
    return answer.raise_for_status().json()


def written(folder: Path, document: object) -> Path:
    path = folder / "tree.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def upload(running: Up, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Upload:
    """Runs `catrelay upload` with the given arguments, and with *answer* for whatever it asks."""

    def run(what: str, *arguments: object, answer: str = "") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        where = ["--suite", str(running.ready_file)]
        return run_command(capsys, "upload", what, *map(str, arguments), *where)

    return run


def names(running: Up, path: str) -> Any:
    return [value["name"] for value in running.get("ats", path).json()]


def test_the_plan_is_shown_and_a_dry_run_stops_there(
    running: Up, upload: Upload, category: int, tmp_path: Path
) -> None:
    file = written(tmp_path, {"testFlag": False, "categoryValues": [{"name": "Newtown", "values": []}]})

    planned = upload("values", file, "--category", category, "--dry-run", "--json")

    assert planned.status == 0, planned.err
    assert [(item["operation"], item["name"]) for item in json.loads(planned.out)["items"]] == [("create", "Newtown")]
    assert names(running, f"/categories/byID/{category}/values") == []


def test_a_list_of_values_is_uploaded_after_the_plan_was_confirmed(
    running: Up, upload: Upload, category: int, tmp_path: Path
) -> None:
    file = written(tmp_path, [{"name": "Newtown"}, {"name": "Brooklyn"}])

    declined = upload("values", file, "--category", category, answer="n\n")
    confirmed = upload("values", file, "--category", category, answer="y\n")

    assert (declined.status, confirmed.status) == (1, 0)
    assert declined.err.endswith("catrelay: nothing was changed\n")
    assert "create\t\tNewtown\t" in declined.out
    assert "2 create" in confirmed.err
    assert names(running, f"/categories/byID/{category}/values") == ["Brooklyn", "Newtown"]


def test_with_json_nothing_else_is_printed(upload: Upload, category: int, tmp_path: Path) -> None:
    file = written(tmp_path, [{"name": "Newtown"}])

    uploaded = upload("values", file, "--category", category, "--yes", "--json")

    assert [item["name"] for item in json.loads(uploaded.out)["items"]] == ["Newtown"]


def test_the_org_tree_is_uploaded_too(running: Up, upload: Upload, tmp_path: Path) -> None:
    uploaded = upload("orgs", written(tmp_path, [{"name": "Head Office"}]), "--yes")

    assert uploaded.status == 0, uploaded.err
    assert names(running, "/orgs/values") == ["Head Office"]


def test_failed_items_fail_the_command(running: Up, upload: Upload, category: int, tmp_path: Path) -> None:
    file = written(tmp_path, [{"id": 999_999, "name": "Nowhere"}, {"name": "Newtown"}])

    uploaded = upload("values", file, "--category", category, "--yes")

    assert uploaded.status == 1
    assert uploaded.err.endswith("catrelay: 1 items failed\n")
    assert names(running, f"/categories/byID/{category}/values") == ["Newtown"]


def test_many_inactivations_must_be_meant(running: Up, upload: Upload, category: int, tmp_path: Path) -> None:
    file = written(tmp_path, [{"name": f"Suburb {number:02}"} for number in range(20)])
    assert upload("values", file, "--category", category, "--yes").status == 0
    empty = written(tmp_path, [])

    stopped = upload("values", empty, "--category", category, "--yes")
    meant = upload("values", empty, "--category", category, "--yes", "--confirm-inactivations")

    assert stopped.status == 1
    assert "it would inactivate 20 of 20 values" in stopped.err
    assert meant.status == 0, meant.err
    assert names(running, f"/categories/byID/{category}/values") == []


def test_a_dry_run_says_that_the_guard_would_stop_the_upload(upload: Upload, category: int, tmp_path: Path) -> None:
    file = written(tmp_path, [{"name": "Newtown"}])
    assert upload("values", file, "--category", category, "--yes").status == 0
    empty = written(tmp_path, [])

    stopped = upload("values", empty, "--category", category, "--dry-run")
    meant = upload("values", empty, "--category", category, "--dry-run", "--confirm-inactivations")

    assert stopped.status == 1
    assert "it would inactivate 1 of 1 values" in stopped.err
    assert meant.status == 0, meant.err


def test_what_only_the_upload_itself_shows_to_be_too_much_fails_it(running: Up, category: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "catrelay", "upload", "values", str(written(tmp_path, []))]
    command += ["--category", str(category), "--suite", str(running.ready_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as uploading:
        assert uploading.stderr is not None
        planned = uploading.stderr.readline()
        made(running, f"/categories/byID/{category}/values", {"name": "Newtown"})

        _, said = uploading.communicate("y\n")

    assert planned == "nothing to do\n"
    assert uploading.returncode == 1
    assert "catrelay: the upload failed: " in said
    assert names(running, f"/categories/byID/{category}/values") == ["Newtown"]


def test_a_plan_tells_what_it_touches_and_what_looks_renamed(
    running: Up, upload: Upload, category: int, tmp_path: Path
) -> None:
    path = f"/categories/byID/{category}/values"
    old = made(running, path, {"name": "Brookyln"})["id"]
    made(running, "/jobs", {"title": "Baker", "categories": [{"category": category, "values": [old]}]})
    file = written(tmp_path, [{"name": "Brooklyn"}])

    planned = upload("values", file, "--category", category, "--dry-run", "--confirm-inactivations")

    assert planned.status == 0, planned.err
    assert "At the values that go: 1 jobs" in planned.err
    assert f"Renamed? {old} goes and /categoryValues/0 is like it: " in planned.err


@pytest.mark.parametrize(
    ("content", "said"),
    [('[{"name": 1}]', "is wrong at /categoryValues/0/name"), ("[", "is not JSON"), ('"text"', "is wrong at ")],
)
def test_a_file_that_is_no_tree_is_refused_before_anything_is_sent(
    upload: Upload, category: int, tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "tree.json"
    path.write_text(content)

    refused = upload("values", path, "--category", category, "--yes")

    assert refused.status == 1
    assert said in refused.err
    assert refused.err.count("\n") == 1
