"""Full text search."""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from ats_stub.domain.words import words

revision = "0006"
down_revision = "0005"

SEARCHED = ("title", "code", "shortSummary", "description")


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        _make_fts5()
    else:
        _make_tsvectors()
    _fill(is_sqlite)
    op.drop_column("jobs", "words")


def _make_fts5() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE search USING"
        " fts5(words, object UNINDEXED, tokenize = 'ascii', detail = none, columnsize = 0)"
    )
    # A virtual table has no foreign keys. A later step that makes the table tenants anew makes this anew, too.
    op.execute(
        "CREATE TRIGGER search_without_tenant AFTER DELETE ON tenants BEGIN"
        " DELETE FROM search WHERE rowid IN"
        " (SELECT rowid FROM search WHERE search MATCH '\"' || OLD.tenant || 'x\" *');"
        " END"
    )


def _make_tsvectors() -> None:
    op.create_table(
        "search",
        sa.Column("tenant", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object", sa.BigInteger(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", "kind", "object", name="search_pkey"),
    )
    # No list of what is still to be indexed: each search would go through it, other tenants' words included.
    op.create_index(
        "search_words",
        "search",
        ["words"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )


def _fill(is_sqlite: bool) -> None:
    insert = sa.text(
        "INSERT INTO search (words, object) VALUES (:tenant || 'xj' || :object || ' ' || :line, :object)"
        if is_sqlite
        else "INSERT INTO search (tenant, kind, object, words)"
        " VALUES (:tenant, 'job', :object, array_to_tsvector(string_to_array(:line, ' ')))"
    )
    connection = op.get_bind()
    for tenant, job, document in connection.execute(sa.text("SELECT tenant, id, document FROM jobs")).all():
        members = json.loads(document)
        line = " ".join(f"{tenant}j{word}" for word in words(members.get(name) for name in SEARCHED))
        if line:
            connection.execute(insert, {"tenant": tenant, "object": job, "line": line})
