"""Files at their signed addresses."""

from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.store import Store
from ats_stub.store.files import download
from catrelay.asgi import answers, path_id, resource
from catrelay.models import MAX_ID
from catrelay.problems import Forbidden


class SignatureQuery(BaseModel):
    """What stands in the place of a token. expires: seconds since 1970."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    expires: int = Field(ge=0, le=MAX_ID)
    signature: str


class FilesApi:
    """`/files...`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [resource("/t/{tenant}/files/byID/{file}/{name}", get=self.show)]

    @answers(None, 200, media_type="*/*", problems=[Forbidden])
    def show(self, request: Request, query: SignatureQuery) -> Response:
        """A file, at the address that `preSignedUri` is.

        It comes as something to be saved, so that nothing that was handed in runs as a page of ours.
        """
        with self._store.database.read() as connection:
            file = download(
                connection,
                request.path_params["tenant"],
                path_id(request, "file"),
                request.path_params["name"],
                expires=query.expires,
                signature=query.signature,
                now=datetime.now(UTC),
            )
        return Response(
            file.data,
            headers={
                "content-type": file.media_type,
                "content-disposition": f"attachment; filename*=UTF-8''{quote(file.file_name, safe='')}",
                "x-content-type-options": "nosniff",
                "content-security-policy": "default-src 'none'; sandbox",
                "cache-control": "private, no-store",
            },
        )
