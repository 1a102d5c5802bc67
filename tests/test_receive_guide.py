"""The guide to receiving pings is carried out, with the receivers that it shows."""

from pathlib import Path

from tests.guides import carry_out, programs_of
from tests.test_docs import DOCS

GUIDE = (DOCS / "howto" / "receive-pings.md").read_text()


def test_the_guide_is_what_happens(tmp_path: Path) -> None:
    carry_out(GUIDE, tmp_path)


def test_the_receiver_has_ten_lines() -> None:
    assert len(list(filter(None, programs_of(GUIDE)["receiver.py"].splitlines()))) == 10
