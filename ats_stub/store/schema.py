"""The tables of the ATS. *tenant* leads every primary key and index: it is the unit of sequence and of sharding."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from catrelay.database import UtcDateTime
from catrelay.sql_registry import registry_tables

metadata = MetaData()

tenants, tokens, connections = registry_tables(metadata)


def _tenant() -> Column[int]:
    return Column("tenant", ForeignKey("tenants.tenant", ondelete="CASCADE"), nullable=False)


# A write locks its tenant's row here first: ids, seq and position have no gaps and are commit-ordered.
counters = Table(
    "counters",
    metadata,
    _tenant(),
    Column("next_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("orgs_category", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant"),
)

categories = Table(
    "categories",
    metadata,
    _tenant(),
    Column("id", BigInteger, nullable=False),
    Column("key", Text),
    Column("name", Text, nullable=False),
    Column("code", Text),
    Column("job_rules", Text, nullable=False),
    Column("candidate_rules", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
)

category_values = Table(
    "category_values",
    metadata,
    _tenant(),
    Column("id", BigInteger, nullable=False),
    Column("category", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("code", Text),
    Column("external_id", Text),
    Column("sequence", Float(53)),
    Column("parent", BigInteger),
    Column("available", Boolean, nullable=False),
    Column("remapped_to", BigInteger),
    Column("location", Text),
    PrimaryKeyConstraint("tenant", "id"),
    Index("category_values_external_id", "tenant", "category", "external_id", unique=True),
    Index("category_values_available", "tenant", "category", "available", "id"),
    Index("category_values_parent", "tenant", "parent"),
)

# What objects reference: one row per object and value. kind: job, user, candidate, application.
links = Table(
    "links",
    metadata,
    _tenant(),
    Column("kind", Text, nullable=False),
    Column("object", BigInteger, nullable=False),
    Column("category", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "kind", "object", "category", "value"),
    Index("links_value", "tenant", "value", "kind", "object"),
    sqlite_with_rowid=False,
)

# Columns are what lists filter and order by; *document* is the job as answered, without id, date and categories.
jobs = Table(
    "jobs",
    metadata,
    _tenant(),
    Column("id", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("external_id", Text),
    Column("template", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("available_externally", Boolean, nullable=False),
    Column("publish_date", UtcDateTime),
    Column("internal_publish_date", UtcDateTime),
    Column("external_publish_date", UtcDateTime),
    Column("close_date", UtcDateTime),
    Column("external_close_date", UtcDateTime),
    Column("date_last_updated", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
    Index("jobs_external_id", "tenant", "external_id", unique=True),
    Index("jobs_publish_date", "tenant", "publish_date", "id"),
)

journal = Table(
    "journal",
    metadata,
    _tenant(),
    Column("seq", BigInteger, nullable=False),
    Column("category", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("remapped_to", BigInteger),
    Column("moved", BigInteger),
    Column("undoes", BigInteger),
    Column("at", UtcDateTime, nullable=False),
    Column("app", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "seq"),
    Index("journal_category", "tenant", "category", "seq"),
)

# Which objects a journal entry moved. kept: the object had the target already.
receipts = Table(
    "receipts",
    metadata,
    _tenant(),
    Column("seq", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("object", BigInteger, nullable=False),
    Column("kept", Boolean, nullable=False),
    PrimaryKeyConstraint("tenant", "seq", "kind", "object"),
    sqlite_with_rowid=False,
)

# The change log: what changed, in commit order. kind: value, category, job, or moved (object: the seq whose receipts
# name the jobs). lists: for a job, JSON of topic to deltaPing operation for each list that it is or was in.
changes = Table(
    "changes",
    metadata,
    _tenant(),
    Column("position", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("object", BigInteger, nullable=False),
    Column("category", BigInteger),
    Column("operation", Text, nullable=False),
    Column("lists", Text),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "position"),
)

# cursor: the change log position up to which all is done; cursor_object: of a `moved` row right after it, the last job
# that is. failing_since: of the first failure after the last success. attempts: failures in a row while it is down.
subscriptions = Table(
    "subscriptions",
    metadata,
    _tenant(),
    Column("id", BigInteger, nullable=False),
    Column("app", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("topics", Text, nullable=False),
    Column("batch", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Column("cursor_object", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("next_attempt", UtcDateTime),
    Column("failing_since", UtcDateTime),
    Column("last_success", UtcDateTime),
    Column("last_error", Text),
    Column("applied_seq", BigInteger),
    Column("applied_at", UtcDateTime),
    Column("leased_by", Text),
    Column("leased_until", UtcDateTime),
    Column("created", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
)

# Pings that failed while the cursor moved on past them. ping: path below /t/{tenant}. subject: value, category,
# categories or job. position: of the latest change that the ping tells of.
failing_pings = Table(
    "failing_pings",
    metadata,
    _tenant(),
    Column("subscription", BigInteger, nullable=False),
    Column("ping", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("object", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("next_attempt", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "subscription", "ping"),
    ForeignKeyConstraint(["tenant", "subscription"], ["subscriptions.tenant", "subscriptions.id"], ondelete="CASCADE"),
)
