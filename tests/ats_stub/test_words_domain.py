"""What texts are found by."""

import re
import string
import unicodedata

import pytest
from hypothesis import given

from ats_stub.domain.words import MAX_WORD_BYTES, MAX_WORD_CHARACTERS, words
from tests.strategies import texts


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("Creative Director", "DIR"),
        ("Straße", "STRASSE"),
        ("Café in Tāmaki", "tamaki"),
        ("Cafe", "cafe\u0301"),
        ("Ёлка", "елка"),
        ("İstanbul", "istanbul"),
        ("C++, x-9", "x-9"),
        ("ﬁne \uff12\uff10\uff12\uff16", "fine 2026"),
        ("हिन्दी में", "हिन्"),
        ("東京オフィス", "オフィス"),
        ("ภาษาไทย", "ไทย"),
        ("강남 office", "강남"),
        ("❤️ dogs", "dogs"),
        ("x" * 1_000, "x" * 500),
        ("jazz pizzeria", "pizz"),
        ("", "..."),
    ],
)
def test_a_word_is_found_by_its_beginning_in_any_case_accent_and_composition(text: str, keyword: str) -> None:
    assert all(any(word.startswith(wanted) for word in words([text])) for wanted in words([keyword]))


@pytest.mark.parametrize(
    ("text", "keyword"),
    [("Director", "ector"), ("jazz", "jaz z"), ("jaz", "jazz"), ("ab", "a b"), ("a", "ab"), ("z", "zz"), ("東", "京")],
)
def test_a_keyword_is_not_found_within_a_word_or_in_another(text: str, keyword: str) -> None:
    assert not all(any(word.startswith(wanted) for word in words([text])) for wanted in words([keyword]))


@given(texts)
def test_words_are_made_of_what_means_nothing_to_a_database(text: str) -> None:
    for word in words([text]):
        assert re.fullmatch("[0-9a-z]+", word)


@given(texts)
def test_a_text_is_found_by_itself_however_it_is_composed(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert words([unicodedata.normalize(form, text)]) == words([text])


def test_words_come_once_and_in_order_of_all_texts_that_are_there() -> None:
    assert words(["one two", None, "", "Two three one"]) == ["one", "two", "three"]


def test_of_a_long_word_the_beginning_is_kept_and_of_a_long_text_the_first_words() -> None:
    letters = string.ascii_lowercase[:20]
    many = " ".join(a + b + c + d for a in letters for b in letters for c in letters for d in letters)

    assert words(["y" * 1_000]) == ["y" * MAX_WORD_CHARACTERS]
    assert words([many]) == many.split()[: MAX_WORD_BYTES // 4]
