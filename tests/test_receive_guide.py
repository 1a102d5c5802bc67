"""The guide to receiving pings is carried out, with the receivers that it shows."""

import re
from pathlib import Path

from tests.guides import check, steps_of
from tests.test_docs import DOCS

GUIDE = (DOCS / "howto" / "receive-pings.md").read_text()
# A program stands behind the sentence that names it.
PROGRAMS = dict(re.findall(r"`(\w+\.py)`, [^\n]*:\n\n```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))


def test_the_guide_is_what_happens(tmp_path: Path) -> None:
    for name, program in PROGRAMS.items():
        (tmp_path / name).write_text(program)

    check(steps_of(GUIDE), tmp_path)


def test_the_receiver_has_ten_lines() -> None:
    assert len(list(filter(None, PROGRAMS["receiver.py"].splitlines()))) == 10
