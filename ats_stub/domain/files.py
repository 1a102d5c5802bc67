"""What a file must be to be kept, and the address that gives it to anyone.

Source: docs/contract/, "Items and files".
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from ats_stub.domain.media_types import media_type_of
from catrelay.models import MAX_ID, FileDownload, FileUpload, MediaType
from catrelay.problems import FieldError, InvalidRequest, LimitExceeded, UnsupportedFile

MAX_FILE_BYTES = 5_242_880
LINK_LIFETIME = timedelta(days=1)

_PATH = re.compile(r"/files/byID/(\d{1,19})/[^/?#]+")
_ADDRESS = re.compile(rf".*?({_PATH.pattern})\?expires=(\d{{1,19}})&signature=([0-9a-f]{{64}})", re.DOTALL)


@dataclass(frozen=True)
class FileRules:
    """What an operator sets. root_url: where others reach this service; link_lifetime: how long an address holds."""

    root_url: str = ""
    max_bytes: int = MAX_FILE_BYTES
    link_lifetime: timedelta = LINK_LIFETIME


@dataclass(frozen=True)
class Content:
    """What a file holds."""

    data: bytes
    media_type: MediaType

    @property
    def md5(self) -> str:
        """In hex, as the contract has it. It names the content to people; nothing here trusts it."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


def content_of(upload: FileUpload, *, max_bytes: int, pointer: str) -> Content:
    """What is handed in at *pointer*. Raises InvalidRequest, LimitExceeded or UnsupportedFile."""
    data = _decoded(upload.data, max_bytes, f"{pointer}/data")
    media_type = media_type_of(upload.file_name, data)
    if media_type is None:
        raise UnsupportedFile(
            f"{upload.file_name!r} is not a file of a type that is taken, or not of the type that its name says",
            errors=[FieldError(pointer, "is not of a type that is taken")],
        )
    return Content(data, media_type)


def _decoded(text: str, max_bytes: int, pointer: str) -> bytes:
    too_large = LimitExceeded(
        f"A file has at most {max_bytes} bytes", errors=[FieldError(pointer, f"is more than {max_bytes} bytes")]
    )
    if len(text) > 4 * (max_bytes // 3 + 1):
        raise too_large
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("A file's data is not base64", errors=[FieldError(pointer, "is not base64")]) from error
    if len(data) > max_bytes:
        raise too_large
    return data


def path_of(file_id: int, file_name: str) -> str:
    """Where the file is, below /t/{tenant}. What stands in `preSignedUri` while a file is stored."""
    return f"/files/byID/{file_id}/{quote(file_name, safe='', errors='surrogatepass')}"


def id_in(path: str) -> int | None:
    """The id of the file with the *path*, as `path_of` makes it."""
    found = _PATH.fullmatch(path)
    return int(found[1]) if found is not None and int(found[1]) <= MAX_ID else None


def id_sent_back(uri: str, key: bytes) -> int | None:
    """The id of the file that *uri* names: a path, or an address that *key* has signed, however old.

    Ids alone do not tell tenants apart: without the signature, another's file could be taken for one's own.
    """
    address = _ADDRESS.fullmatch(uri)
    if address is None:
        return id_in(uri)
    path, _, expires, given = address.groups()
    return id_in(path) if hmac.compare_digest(given, signature(key, path, int(expires))) else None


def signed(file: FileDownload, rules: FileRules, *, tenant: str, key: bytes, now: datetime) -> FileDownload:
    """The stored *file* as answered, with an address that holds for one to two times the lifetime.

    The same address for all of a lifetime, so that what has not changed is not answered differently.
    """
    lifetime = int(rules.link_lifetime.total_seconds())
    expires = (int(now.timestamp()) // lifetime + 2) * lifetime
    path = file.pre_signed_uri
    address = f"{rules.root_url}/t/{quote(tenant, safe='')}{path}?expires={expires}"
    return file.model_copy(update={"pre_signed_uri": f"{address}&signature={signature(key, path, expires)}"})


def signature(key: bytes, path: str, expires: int) -> str:
    """HMAC-SHA256, in hex, over a file's path and the second since 1970 from which on its address holds no more."""
    return hmac.new(key, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()


def holds(given: str, key: bytes, path: str, expires: int, *, now: datetime) -> bool:
    """Whether the signature *given* is right, and not too old."""
    right = hmac.compare_digest(given.encode(errors="surrogatepass"), signature(key, path, expires).encode())
    return right and now.timestamp() < expires
