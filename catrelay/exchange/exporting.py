"""A tenant read through its ATS, as the lines of an export. Source: docs/contract/, "Between tenants".

Each thing is read after what refers to it: candidates and jobs before users, all of them before the values. So whatever
an object refers to is in the file, also when others write meanwhile.
"""

import base64
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime

from catrelay.client import AtsClient
from catrelay.exchange.lines import Document, End, Header, Kind, Line, end_line, header_line, object_line
from catrelay.models import MAX_PAGE_ENTRIES, Category, CategoryValue, Discovery, JournalEntry, JournalPage
from catrelay.problems import JournalCompacted, NotFound, Problem
from catrelay.trees import flattened

LISTS: tuple[tuple[Kind, str], ...] = (
    ("candidate", "/candidates"),
    ("job", "/jobs"),
    ("job", "/jobs/template"),
    ("user", "/users"),
)
CAPABILITIES = frozenset({"values.unavailable", "remapped.tenant"})
"""What an ATS must have for an export that lacks nothing."""

Tell = Callable[[str], None]
Advance = Callable[[str], None]


class CannotExport(Exception):
    """The ATS does not answer what an export needs."""


class MissingFiles:
    """Files of objects that could not be read: tells of each, and counts them."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.count = 0

    def add(self, of: object, name: object, why: str) -> None:
        """A file is missing."""
        self.count += 1
        self._tell(f"the file {name} of {of} could not be read: {why}")


async def export(ats: AtsClient, *, at: datetime, advance: Advance, missing: MissingFiles) -> AsyncIterator[bytes]:
    """The lines of the tenant's export. advance: told the kind of each. missing: told of each file that is left out.

    Raises CannotExport before the first line.
    """
    discovery = await _discovered(ats)
    head = await _journal_page(ats, after=0)
    assert head.epoch is not None
    assert head.last_seq is not None
    assert discovery.orgs_category is not None
    yield header_line(
        Header(
            tenant=ats.tenant,
            epoch=head.epoch,
            journal_seq=head.last_seq,
            orgs_category=discovery.orgs_category,
            at=at,
        )
    )
    counts: Counter[str] = Counter()
    last_seq = 0
    async for line in _objects(ats, discovery.orgs_category, missing):
        counts[line.kind] += 1
        last_seq = line.data["seq"] if line.kind == "entry" else last_seq
        advance(line.kind)
        yield object_line(line)
    yield end_line(End(journal_seq=last_seq, counts=dict(counts)))


async def _discovered(ats: AtsClient) -> Discovery:
    found = await ats.discover()
    missing = CAPABILITIES - set(found.capabilities if found is not None else ())
    if found is None or missing or found.orgs_category is None:
        raise CannotExport(f"{ats.url} does not offer what an export needs: {', '.join(sorted(missing))}")
    return found


async def _objects(ats: AtsClient, orgs_category: int, missing: MissingFiles) -> AsyncIterator[Line]:
    for kind, path in LISTS:
        async for document in _listed(ats, path):
            yield Line(kind, document, files=await _files(ats, document, missing))
    categories = (await ats.categories()).answer
    for category in (*categories, await ats.category(orgs_category)):
        async for line in _category(ats, category):
            yield line
    async for entry in _journal(ats):
        yield Line("entry", entry.to_document())


async def _listed(ats: AtsClient, path: str) -> AsyncIterator[Document]:
    try:
        async for document in ats.documents(path):
            yield document
    except NotFound:
        return  # an ATS that has no such objects


async def _category(ats: AtsClient, category: Category) -> AsyncIterator[Line]:
    """The category, then its values; of lines about the same value the last one holds."""
    try:
        tree = await ats.tree(category.id)
    except NotFound:
        return  # it was deleted since the list of categories was read
    yield Line("category", category.to_document())
    known: set[int] = set()
    named: set[int] = set()
    for value in flattened(tree.answer):
        known.add(value.id)
        yield _value_line(category, value)
    async for value in _unavailable(ats, category):
        known.add(value.id)
        if value.remapped_to is not None:
            named.add(value.remapped_to)
        yield _value_line(category, value)
    async for value in _second_look(ats, category, tree.journal_seq or 0, known, named - known):
        yield _value_line(category, value)


async def _second_look(
    ats: AtsClient, category: Category, seq: int, known: set[int], missing: set[int]
) -> AsyncIterator[CategoryValue]:
    """The values that the journal names since *seq*, and those that are named by others and were not seen yet."""
    while True:
        page = await ats.journal(category.id, after=seq)
        if page.results:
            seq = page.results[-1].seq
            missing = missing | {entry.id for entry in page.results}
        elif not missing:
            return
        while missing:
            try:
                value = await ats.value(category.id, missing.pop())
            except NotFound:
                continue  # the category was deleted meanwhile
            known.add(value.id)
            missing |= {each for each in (value.parent, value.remapped_to) if each is not None} - known
            yield value


async def _unavailable(ats: AtsClient, category: Category) -> AsyncIterator[CategoryValue]:
    after = 0
    while True:
        page = await ats.unavailable(category.id, after=after)
        for value in page.results:
            yield value
        if page.next is None:
            return
        after = page.results[-1].id


async def _journal(ats: AtsClient) -> AsyncIterator[JournalEntry]:
    """All entries that are kept."""
    after = 0
    while True:
        page = await _journal_page(ats, after=after)
        for entry in page.results:
            yield entry
        if not page.results:
            return
        after = page.results[-1].seq


async def _journal_page(ats: AtsClient, *, after: int) -> JournalPage:
    """The entries after a cursor, or the oldest that are kept."""
    try:
        return await ats.tenant_journal(after=after, limit=MAX_PAGE_ENTRIES)
    except JournalCompacted as error:
        first = error.members.get("firstSeq")
        if not isinstance(first, int) or first - 1 <= after:
            raise
        return await ats.tenant_journal(after=first - 1, limit=MAX_PAGE_ENTRIES)


def _value_line(category: Category, value: CategoryValue) -> Line:
    return Line("value", value.to_document(), category.id)


async def _files(ats: AtsClient, document: Document, missing: MissingFiles) -> dict[str, Document]:
    """The contents of the files of *document*, by the pointer to the description of each, which loses its link."""
    found: dict[str, Document] = {}
    for pointer, description in list(_descriptions(document, "")):
        link = description.pop("preSignedUri")
        try:
            content = await ats.download(link)
        except Problem as problem:
            missing.add(document.get("id"), description["fileName"], problem.detail)
            continue
        data = base64.b64encode(content).decode()
        found[pointer] = {
            "data": data,
            "fileName": description["fileName"],
            "via": description.get("via", "device"),
        }
    return found


def _descriptions(part: object, pointer: str) -> Iterator[tuple[str, Document]]:
    """Every fileDownload.json in *part*, with the JSON Pointer to it."""
    if isinstance(part, dict):
        if "preSignedUri" in part and "fileName" in part:
            yield pointer, part
            return
        for name, member in part.items():
            yield from _descriptions(member, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(part, list):
        for index, member in enumerate(part):
            yield from _descriptions(member, f"{pointer}/{index}")
