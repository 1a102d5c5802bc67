"""What an import remembers: in its map file, across runs; and, for one run, what is in the file and in the target."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from catrelay.exchange.lines import Document, Kind
from catrelay.exchange.objects import ObjectKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ids (
    kind TEXT NOT NULL, source INTEGER NOT NULL, target INTEGER NOT NULL,
    PRIMARY KEY (kind, source), UNIQUE (kind, target)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intents (key TEXT PRIMARY KEY, kind TEXT NOT NULL, sources TEXT NOT NULL,
    path TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
"""
# Temporary tables are in files of SQLite's own once they are large, and go with the connection.
_PASSING_SCHEMA = """
CREATE TEMP TABLE wanted (
    kind TEXT NOT NULL, source INTEGER NOT NULL, category INTEGER, place INTEGER NOT NULL,
    external_id TEXT, code TEXT, login TEXT, email TEXT,
    PRIMARY KEY (kind, source)
) WITHOUT ROWID;
CREATE INDEX temp.wanted_values ON wanted (category, source);
CREATE TEMP TABLE present (
    kind TEXT NOT NULL, target INTEGER NOT NULL, document BLOB NOT NULL,
    external_id TEXT, code TEXT, login TEXT, email TEXT,
    PRIMARY KEY (kind, target)
);
CREATE TEMP TABLE last_entries (value INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
"""

# One after the other; a key counts where exactly one object on each side has it.
_OBJECT_KEYS: dict[ObjectKind, tuple[str, ...]] = {
    "user": ("external_id", "login", "email"),
    "job": ("external_id", "code"),
    "candidate": (),
}


class WrongMap(Exception):
    """A map file is of another import."""


@dataclass(frozen=True)
class Intent:
    """A write that makes something, noted before it is sent. sources: what it makes, in the order of its answer."""

    key: str
    kind: Kind
    sources: tuple[int, ...]
    path: str
    body: bytes


@dataclass(frozen=True)
class Keys:
    """What an object is known by, besides its id."""

    external_id: str | None = None
    code: str | None = None
    login: str | None = None
    email: str | None = None


def keys_of(kind: Kind, document: Document) -> Keys:
    """The keys of an object. A job's code counts among those of its status that are templates, or are not."""
    if kind == "user":
        login, email = document.get("login"), document.get("person", {}).get("email")
        names = None if login is None else orjson.dumps([login.get("entityID"), login.get("nameID")]).decode()
        return Keys(document.get("externalId"), None, names, email)
    if kind == "job":
        code, template = document.get("code"), document.get("templateFlag", False)
        known = orjson.dumps([code, document.get("status"), template]).decode() if code else None
        return Keys(document.get("externalId"), known)
    return Keys()


class Records:
    """The map file of an import, and the tables of this run.

    path: None keeps all in memory, beginning with what *copied* has.
    """

    def __init__(self, path: Path | None, *, copied: Path | None = None) -> None:
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        if copied is not None and copied.exists():
            with sqlite3.connect(f"file:{copied}?mode=ro", uri=True) as other:
                other.backup(self._db)
            other.close()
        self._db.executescript(_SCHEMA)
        self._db.executescript(_PASSING_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def belong_to(self, **about: str) -> None:
        """Note what the map is about. Raises WrongMap when it is about something else."""
        with self._transaction():
            for name, text in about.items():
                self._db.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", [name, text])
                (found,) = self._db.execute("SELECT text FROM about WHERE name = ?", [name]).fetchone()
                if found != text:
                    raise WrongMap(f"the map is of another {name.replace('_', ' ')}: {found!r}, not {text!r}")

    def note_wanted(self, rows: Iterable[tuple[Kind, int, int | None, int, Keys]]) -> None:
        """Note lines of the file: kind, id, category, offset and keys. A later one takes an earlier one's place."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO wanted VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (kind, source, category, place, keys.external_id, keys.code, keys.login, keys.email)
                    for kind, source, category, place, keys in rows
                ),
            )

    def note_entries(self, rows: Iterable[tuple[int, int]]) -> None:
        """Note the journal's entries, ascending: value and seq."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO last_entries VALUES (?, ?)", rows)

    def last_entries(self, category: int) -> dict[int, int]:
        """The newest seq of each value of a category that the journal names."""
        return dict(
            self._db.execute(
                "SELECT value, seq FROM last_entries JOIN wanted ON kind = 'value' AND source = value"
                " WHERE category = ?",
                [category],
            )
        )

    def places(self, kind: Kind, *, category: int | None = None) -> Iterator[int]:
        """The offsets of the lines of a kind, by id."""
        rows = self._db.execute(
            "SELECT place FROM wanted WHERE kind = ? AND category IS ? ORDER BY source", [kind, category]
        )
        return (place for (place,) in rows)

    def count_wanted(self, kind: Kind) -> int:
        """How many objects of a kind the file has."""
        (count,) = self._db.execute("SELECT count(*) FROM wanted WHERE kind = ?", [kind]).fetchone()
        return int(count)

    def note_present(self, kind: ObjectKind, documents: Sequence[Document]) -> None:
        """Note objects that the target has."""
        with self._transaction():
            for document in documents:
                keys = keys_of(kind, document)
                self._db.execute(
                    "INSERT OR REPLACE INTO present VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        kind,
                        document["id"],
                        orjson.dumps(document),
                        keys.external_id,
                        keys.code,
                        keys.login,
                        keys.email,
                    ],
                )

    def present(self, kind: ObjectKind, target: int) -> Document | None:
        """An object of the target, as it was when it was noted."""
        row = self._db.execute("SELECT document FROM present WHERE kind = ? AND target = ?", [kind, target]).fetchone()
        return None if row is None else orjson.loads(row[0])

    def match_objects(self, kind: ObjectKind) -> None:
        """Note which of the target's objects are the file's, as far as it is not known yet."""
        for key in _OBJECT_KEYS[kind]:
            # The names are those above: nothing of a file gets into the statement.
            with self._transaction():
                self._db.execute(
                    f"""
                    WITH w AS (
                        SELECT min(source) AS source, min(external_id) AS external_id, {key} AS key FROM wanted
                        WHERE kind = :kind AND {key} IS NOT NULL
                          AND source NOT IN (SELECT source FROM ids WHERE kind = :kind)
                        GROUP BY {key} HAVING count(*) = 1
                    ), p AS (
                        SELECT min(target) AS target, min(external_id) AS external_id, {key} AS key FROM present
                        WHERE kind = :kind AND {key} IS NOT NULL
                          AND target NOT IN (SELECT target FROM ids WHERE kind = :kind)
                        GROUP BY {key} HAVING count(*) = 1
                    )
                    INSERT INTO ids SELECT :kind, w.source, p.target FROM w JOIN p USING (key)
                    WHERE w.external_id IS NULL OR p.external_id IS NULL OR w.external_id = p.external_id
                    """,
                    {"kind": kind},
                )

    def target(self, kind: Kind, source: int) -> int | None:
        """The target's id of an object."""
        row = self._db.execute("SELECT target FROM ids WHERE kind = ? AND source = ?", [kind, source]).fetchone()
        return None if row is None else int(row[0])

    def targets(self, kind: Kind, *, category: int | None = None) -> dict[int, int]:
        """The target's ids by the source's; of the values of one category only, if given."""
        if category is None:
            return dict(self._db.execute("SELECT source, target FROM ids WHERE kind = ?", [kind]))
        return dict(
            self._db.execute(
                "SELECT ids.source, target FROM ids JOIN wanted USING (kind, source) WHERE kind = ? AND category = ?",
                [kind, category],
            )
        )

    def note_targets(self, kind: Kind, ids: Iterable[tuple[int, int]]) -> None:
        """Note what of the target is what of the source."""
        with self._transaction():
            self._note_targets(kind, ids)

    def intend(self, intents: Iterable[Intent]) -> None:
        """Note writes that are about to be sent."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO intents VALUES (?, ?, ?, ?, ?)",
                ((i.key, i.kind, orjson.dumps(i.sources).decode(), i.path, i.body) for i in intents),
            )

    def intents(self) -> list[Intent]:
        """The writes that were noted and whose answer was not."""
        rows = self._db.execute("SELECT key, kind, sources, path, body FROM intents").fetchall()
        return [Intent(key, kind, tuple(orjson.loads(sources)), path, body) for key, kind, sources, path, body in rows]

    def settle(self, results: Iterable[tuple[Intent, Iterable[tuple[int, int]]]]) -> None:
        """Note what became of intents: the ids that they made."""
        with self._transaction():
            for intent, ids in results:
                self._note_targets(intent.kind, ids)
                self._db.execute("DELETE FROM intents WHERE key = ?", [intent.key])

    def _note_targets(self, kind: Kind, ids: Iterable[tuple[int, int]]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO ids VALUES (?, ?, ?)", ((kind, s, t) for s, t in ids))
