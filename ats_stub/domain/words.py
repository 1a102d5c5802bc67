"""Which words a text is found by, and what keywords ask for. Source: docs/contract/, "Keywords"."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

MAX_WORD_CHARACTERS = 64
"""Longer words are cut, of texts and of keywords alike."""
MAX_WORD_BYTES = 500_000
"""What is kept of an object's words, in ASCII: the first ones. PostgreSQL indexes less than a megabyte of each row."""

_ACCENTS = re.compile("[\u0300-\u036f]")
# Scripts that are written without spaces: each character is a word, with the marks that follow it.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_SEPARATORS = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")


def words(texts: Iterable[str | None]) -> list[str]:
    """The words of the texts, in ASCII, each once, in the order in which they come.

    A word is found by a keyword that it begins with, and by nothing else.
    """
    found = dict.fromkeys(
        _in_ascii(word[:MAX_WORD_CHARACTERS]) for text in texts if text is not None for word in _words(text) if word
    )
    size, kept = 0, []
    for word in found:
        size += len(word)
        if size > MAX_WORD_BYTES:
            break
        kept.append(word)
    return kept


def _words(text: str) -> Iterator[str]:
    for chunk in _SEPARATORS.split(plain(text)):
        yield from [chunk] if chunk.isascii() else _words_of_script(chunk)


def _words_of_script(chunk: str) -> Iterator[str]:
    word = ""
    for character in chunk:
        if unicodedata.category(character).startswith("M"):
            word += character if word else ""
        elif not character.isalnum():
            yield word
            word = ""
        elif _UNSPACED.match(word) or _UNSPACED.match(character):
            yield word
            word = character
        else:
            word += character
    yield word


def plain(text: str) -> str:
    """Equal for texts that differ in case, in accents, or in how Unicode composes them."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", folded)))


def _in_ascii(word: str) -> str:
    """Letters and digits of ASCII stay; z and all other characters are spelled so that beginnings stay beginnings."""
    return "".join(
        "zz" if character == "z" else character if character.isascii() else f"z{ord(character):06x}"
        for character in word
    )
