"""Which of the contract's media types a file is of: its content decides, its name must agree."""

from collections.abc import Callable
from dataclasses import dataclass

from catrelay.models import MediaType

_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NOT_IN_TEXT = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))


@dataclass(frozen=True)
class _Kind:
    media_type: MediaType
    extensions: tuple[str, ...]
    fits: Callable[[bytes], bool]
    speaks_for_itself: bool = True
    """Whether the content alone shows it, where the name has no extension that says another type."""


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(beginnings)


def _is_word(data: bytes) -> bool:
    # The directory of a zip file repeats the names of its parts without compressing them.
    return data.startswith(b"PK\x03\x04") and b"word/document.xml" in data


def _is_avi(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"AVI "


def _is_mp3(data: bytes) -> bool:
    # A tag, or a frame of MPEG layer III.
    return data.startswith(b"ID3") or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2)


def _is_mp4(data: bytes) -> bool:
    return data[4:8] == b"ftyp"


def _is_text(data: bytes) -> bool:
    """In whatever encoding."""
    return data.startswith(_BYTE_ORDER_MARKS) or len(data.translate(None, _NOT_IN_TEXT)) == len(data)


_KINDS = (
    _Kind("application/pdf", ("pdf",), _starts(b"%PDF-")),
    _Kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ("docx",), _is_word),
    _Kind("application/msword", ("doc", "dot"), _starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), speaks_for_itself=False),
    _Kind("application/rtf", ("rtf",), _starts(b"{\\rtf")),
    _Kind("image/png", ("png",), _starts(b"\x89PNG\r\n\x1a\n")),
    _Kind("image/jpeg", ("jpg", "jpeg"), _starts(b"\xff\xd8\xff")),
    _Kind("image/gif", ("gif",), _starts(b"GIF87a", b"GIF89a")),
    _Kind("video/x-msvideo", ("avi",), _is_avi),
    _Kind("video/mp4", ("mp4", "m4v"), _is_mp4),
    _Kind("audio/x-mpeg-3", ("mp3",), _is_mp3, speaks_for_itself=False),
    _Kind("text/html", ("html", "htm"), _is_text, speaks_for_itself=False),
    _Kind("text/plain", ("txt", "text", "md", "csv"), _is_text, speaks_for_itself=False),
)
_BY_EXTENSION = {extension: kind for kind in _KINDS for extension in kind.extensions}


def media_type_of(file_name: str, data: bytes) -> MediaType | None:
    """The type of a file; None when it is none of the contract's, or not the one that its extension says."""
    named = _BY_EXTENSION.get(file_name.rpartition(".")[2].lower()) if "." in file_name else None
    if named is not None:
        return named.media_type if named.fits(data) else None
    return next((kind.media_type for kind in _KINDS if kind.speaks_for_itself and kind.fits(data)), None)
