"""Files that objects carry. Source: docs/contract/, "Items and files"."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from catrelay.models.wire import MAX_ID, Moment, Text, Wire

MAX_FILE_NAME_CHARACTERS = 255

_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")

MediaType = Literal[
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/msword",
    "application/rtf",
    "text/plain",
    "image/png",
    "image/jpeg",
    "image/gif",
    "text/html",
    "audio/x-mpeg-3",
    "video/x-msvideo",
    "video/mp4",
]


def _file_name(text: str) -> str:
    if _NOT_IN_A_NAME.search(text) or text in (".", ".."):
        raise ValueError("is not the name of a file: it has no path, and no control characters")
    return text


FileName = Annotated[str, Field(min_length=1, max_length=MAX_FILE_NAME_CHARACTERS), AfterValidator(_file_name)]


class FileUpload(Wire):
    """A file that is handed in. data: its content in base64 (RFC 4648, with padding). via: `device`, or a domain."""

    data: str
    file_name: FileName
    via: Text


class FileDownload(Wire):
    """A file that was handed in. size: in bytes. md5: of its content, in hex. pre_signed_uri: gives it to anyone."""

    file_name: Text
    via: Text | None = None
    media_type: MediaType
    size: int = Field(ge=0, le=MAX_ID)
    md5: Text | None = None
    date_uploaded: Moment | None = None
    pre_signed_uri: Text
