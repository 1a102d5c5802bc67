"""Each endpoint row of the contract's tables about the ATS has a test of its own, and each such test has its row."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from tests.ats_stub.contract.rows import SECTIONS, TESTED, documented

FOLDER = Path(__file__).parent / "contract"


@pytest.fixture(scope="module", autouse=True)
def _tests_of_rows() -> None:
    for module in sorted(FOLDER.glob("test_*.py")):
        import_module(f"tests.ats_stub.contract.{module.stem}")


def test_each_row_has_a_test() -> None:
    rows = documented()

    assert len(rows) > len(SECTIONS)
    assert [endpoint for endpoint in rows if endpoint not in TESTED] == []


def test_each_test_has_its_row() -> None:
    assert sorted(TESTED.keys() - set(documented())) == []


def test_no_row_is_there_twice() -> None:
    rows = documented()

    assert sorted(rows) == sorted(set(rows))


def test_each_test_of_a_row_is_collected_and_asserts_something() -> None:
    for endpoint, test in TESTED.items():
        assert test.__name__.startswith("test_"), endpoint
        assert "assert " in inspect.getsource(test), endpoint
