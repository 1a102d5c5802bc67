import pytest

from ats_stub.domain.names import is_blank


@pytest.mark.parametrize(
    "name", ["", " \t\n", "\u00a0\u3000", "\u200b", "\u200d\ufeff", "\x01\x7f", "\u2066\u2069", "\u2028"]
)
def test_what_shows_nothing_is_blank(name: str) -> None:
    assert is_blank(name)


@pytest.mark.parametrize("name", ["x", " é ", "东京", "👩🏽\u200d💻", "\u200bx", ".", "\u0301", "\ue000", "\U000e1fff"])
def test_what_shows_something_is_not(name: str) -> None:
    assert not is_blank(name)
