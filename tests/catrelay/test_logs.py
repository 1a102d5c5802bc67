import json
import logging

import pytest
import structlog

from catrelay.logs import configure_logs
from catrelay.tokens import new_token


def test_each_event_is_one_line_of_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")

    structlog.get_logger().info("served", path="/t/東京\n")

    out, err = capsys.readouterr()
    line = json.loads(err)
    assert (line["event"], line["level"], line["path"], out) == ("served", "info", "/t/東京\n", "")


def test_what_libraries_log_looks_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")

    logging.getLogger("uvicorn.error").warning("socket %s closed", 7)

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("socket 7 closed", "warning")


def test_what_is_below_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error")

    structlog.get_logger().warning("slow")
    logging.getLogger("uvicorn.error").warning("slow")

    assert capsys.readouterr().err == ""


def test_a_failure_is_logged_with_its_traceback_and_without_local_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info")

    token = new_token()
    try:
        fail(token)
    except RuntimeError:
        structlog.get_logger().exception("request failed")

    line = json.loads(capsys.readouterr().err)
    assert "RuntimeError: broken" in line["exception"]
    assert token not in line["exception"]


def fail(token: str) -> None:
    raise RuntimeError(f"broken{token[:0]}")
