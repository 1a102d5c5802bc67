"""Files that objects carry.

An object's document holds its files as `FileDownload`, as they are answered, but with their path as `preSignedUri`. So
an object is read without looking here: `FileStore.signed` makes the address. A write goes:

    cv = unit.files.keep("candidate", candidate, upload, pointer="/resume")   # for each file, sent back or handed in
    ...                                                                       # store the document with cv in it
    unit.files.drop_others("candidate", candidate, [cv, *files_in(items)])    # all that the object holds now
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from ats_stub.domain.files import FileRules, content_of, holds, id_in, id_sent_back, path_of, signed
from ats_stub.domain.references import Kind
from ats_stub.store import schema
from catrelay.models import FileDownload, FileUpload
from catrelay.problems import FieldError, Forbidden, NotFound, UnknownFile

table = schema.files
keys = schema.file_keys

KEY_BYTES = 32


class FileStore:
    """The files of a tenant."""

    def __init__(self, connection: Connection, tenant: int, rules: FileRules) -> None:
        self._connection = connection
        self._tenant = tenant
        self._rules = rules

    def signed(self, file: FileDownload, now: datetime) -> FileDownload:
        """A file of a document as answered, with an address that gives it to anyone for a while."""
        name, key = self._name_and_key
        return signed(file, self._rules, tenant=name, key=key, now=now)

    @cached_property
    def _name_and_key(self) -> tuple[str, bytes]:
        tenants = schema.tenants
        statement = (
            select(tenants.c.name, keys.c.key)
            .join_from(keys, tenants, tenants.c.tenant == keys.c.tenant)
            .where(keys.c.tenant == self._tenant)
        )
        name, key = self._connection.execute(statement).one()
        return name, key


class WriteFileStore(FileStore):
    """The files of a tenant within a transaction."""

    def __init__(
        self, connection: Connection, tenant: int, rules: FileRules, *, new_id: Callable[[], int], now: datetime
    ) -> None:
        super().__init__(connection, tenant, rules)
        self._new_id = new_id
        self._now = now

    def keep(self, kind: Kind, owner: int, file: FileUpload | FileDownload, *, pointer: str) -> FileDownload:
        """The file as the document of the object *owner* holds it.

        file: as it stands at *pointer* of a body. One that comes as it is answered is one that the object has; so is
        one that is handed in again under the same name. Raises InvalidRequest, LimitExceeded, UnsupportedFile or
        UnknownFile.
        """
        if isinstance(file, FileDownload):
            return self._held(kind, owner, file, pointer)
        content = content_of(file, max_bytes=self._rules.max_bytes, pointer=pointer)
        row: dict[str, object] = {
            "tenant": self._tenant,
            "kind": kind,
            "object": owner,
            "file_name": file.file_name,
            "via": file.via,
            "media_type": content.media_type,
            "size": len(content.data),
            "md5": content.md5,
            "data": content.data,
        }
        same = self._one(*(table.c[name] == value for name, value in row.items()))
        if same is not None:
            return same
        self._make_key()
        row |= {"id": self._new_id(), "date_uploaded": self._now}
        self._connection.execute(insert(table).values(row))
        return _as_stored(row)

    def drop_others(self, kind: Kind, owner: int, files: Iterable[FileDownload]) -> None:
        """Delete the files of the object that are none of *files*."""
        kept = [id_in(file.pre_signed_uri) for file in files]
        self._connection.execute(
            delete(table).where(
                table.c.tenant == self._tenant, table.c.kind == kind, table.c.object == owner, table.c.id.not_in(kept)
            )
        )

    def _held(self, kind: Kind, owner: int, file: FileDownload, pointer: str) -> FileDownload:
        key = self._connection.scalar(select(keys.c.key).where(keys.c.tenant == self._tenant))
        held = key and self._one(
            table.c.tenant == self._tenant,
            table.c.id == id_sent_back(file.pre_signed_uri, key),
            table.c.kind == kind,
            table.c.object == owner,
        )
        if not held:
            raise UnknownFile(
                f"The {kind} has no file at {file.pre_signed_uri!r}: send its data instead",
                errors=[FieldError(f"{pointer}/preSignedUri", "is no file of this object")],
            )
        return held

    def _one(self, *conditions: ColumnElement[bool]) -> FileDownload | None:
        row = self._connection.execute(select(*_DESCRIPTION).where(*conditions).limit(1)).one_or_none()
        return None if row is None else _as_stored(row._asdict())

    def _make_key(self) -> None:
        if self._connection.scalar(select(keys.c.tenant).where(keys.c.tenant == self._tenant)) is None:
            key = secrets.token_bytes(KEY_BYTES)
            self._connection.execute(insert(keys).values(tenant=self._tenant, key=key))


@dataclass(frozen=True)
class Download:
    """A file to be given to somebody."""

    file_name: str
    media_type: str
    data: bytes


def download(
    connection: Connection, tenant: str, file: int, file_name: str, *, expires: int, signature: str, now: datetime
) -> Download:
    """The file at an address, without a token: the signature stands in its place.

    tenant: by name. Raises Forbidden when the signature is wrong or too old, which is not told from a tenant that does
    not exist; NotFound when the file is gone.
    """
    tenants = schema.tenants
    statement = (
        select(keys.c.tenant, keys.c.key)
        .join(tenants, tenants.c.tenant == keys.c.tenant)
        .where(tenants.c.name == tenant)
    )
    # PostgreSQL cannot even be asked for a name with a NUL.
    found = None if "\x00" in tenant else connection.execute(statement).one_or_none()
    key = secrets.token_bytes(KEY_BYTES) if found is None else found.key
    if not holds(signature, key, path_of(file, file_name), expires, now=now) or found is None:
        raise Forbidden("The address of the file is not right, or not any more: ask for the object anew")
    row = connection.execute(
        select(table.c.file_name, table.c.media_type, table.c.data).where(
            table.c.tenant == found.tenant, table.c.id == file
        )
    ).one_or_none()
    if row is None:
        raise NotFound("The file is no longer there")
    return Download(row.file_name, row.media_type, row.data)


_DESCRIPTION = [column for column in table.columns if column is not table.c.data]


def _as_stored(row: Mapping[str, Any]) -> FileDownload:
    return FileDownload(
        file_name=row["file_name"],
        via=row["via"],
        media_type=row["media_type"],
        size=row["size"],
        md5=row["md5"],
        date_uploaded=row["date_uploaded"],
        pre_signed_uri=path_of(row["id"], row["file_name"]),
    )
