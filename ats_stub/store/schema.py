"""The tables of the ATS. *tenant* leads every primary key and index: it is the unit of sequence and of sharding."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
)

from catrelay.database import UtcDateTime
from catrelay.sql_registry import registry_tables

metadata = MetaData()

tenants, tokens, connections = registry_tables(metadata)


def _tenant() -> Column[int]:
    return Column("tenant", ForeignKey("tenants.tenant", ondelete="CASCADE"), nullable=False)


# A write locks its tenant's row here first: seq and position have no gaps and are commit-ordered.
counters = Table(
    "counters",
    metadata,
    _tenant(),
    Column("next_id", BigInteger, nullable=False),
    Column("next_link", BigInteger, nullable=False, server_default="1"),
    Column("seq", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("orgs_category", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant"),
)

# version: grows with every change of the category or of a value of it.
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
    Column("version", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("tenant", "id"),
)

# node: the value as answered, ready JSON. The other columns are what statements look for and order by.
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
    Column("node", Text, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("tenant", "id"),
    Index("category_values_external_id", "tenant", "category", "external_id", unique=True),
    Index("category_values_available", "tenant", "category", "available", "id"),
    Index("category_values_parent", "tenant", "parent"),
)

# What objects reference. kind: job, user, candidate. link: grows in the order in which links are made.
# value: negative once an inactivation took it away, by its seq. trail: the remaps that moved it, as `,5,12`.
# moved_by: the seq of what moved it last; 0: nothing did. An object can have several links at a value that others were
# remapped to, and references it once. Only LinkStore knows where a link really is: see pending_moves.
links = Table(
    "links",
    metadata,
    _tenant(),
    Column("kind", Text, nullable=False),
    Column("object", BigInteger, nullable=False),
    Column("link", BigInteger, nullable=False),
    Column("category", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("trail", Text, nullable=False),
    Column("moved_by", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "kind", "object", "link"),
    Index("links_value", "tenant", "value", "kind", "object", "moved_by"),
    sqlite_with_rowid=False,
)

# When the links were moved that have this seq in moved_by; kept when the journal is compacted.
move_dates = Table(
    "move_dates",
    metadata,
    _tenant(),
    Column("seq", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "seq"),
)

# Moves whose links have not all followed yet; see ats_stub.domain.moves. objects: how many have.
pending_moves = Table(
    "pending_moves",
    metadata,
    _tenant(),
    Column("seq", BigInteger, nullable=False),
    Column("category", BigInteger, nullable=False),
    Column("source", BigInteger, nullable=False),
    Column("target", BigInteger, nullable=False),
    Column("before_link", BigInteger, nullable=False),
    Column("undoes", BigInteger),
    Column("at", UtcDateTime, nullable=False),
    Column("jobs", BigInteger, nullable=False),
    Column("users", BigInteger, nullable=False),
    Column("candidates", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "seq"),
)

# Columns are what lists filter and order by; *document* is the job as answered, without id, date and categories.
jobs = Table(
    "jobs",
    metadata,
    _tenant(),
    Column("id", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("external_id", Text),
    Column("manager", BigInteger),
    Column("recruiter", BigInteger),
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
    Index("jobs_internal_publish_date", "tenant", "internal_publish_date", "id"),
    Index("jobs_external_publish_date", "tenant", "external_publish_date", "id"),
)

# entry: the entry as answered, ready JSON. parent: of a remap, where its value stood.
journal = Table(
    "journal",
    metadata,
    _tenant(),
    Column("seq", BigInteger, nullable=False),
    Column("category", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("undoes", BigInteger),
    Column("parent", BigInteger),
    Column("at", UtcDateTime, nullable=False),
    Column("entry", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "seq"),
    Index("journal_category", "tenant", "category", "seq"),
    Index("journal_value", "tenant", "value", "seq"),
    Index("journal_undoes", "tenant", "undoes"),
)

# The change log: what changed, in commit order. kind: value, category, job, user, candidate; or moved-jobs,
# moved-users, moved-candidates: those with a link at the value *object* (see links) that *moved_by* moved there.
# lists: for a job, JSON of topic to deltaPing operation for each list that it is or was in.
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
    Column("moved_by", BigInteger),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "position"),
)

# cursor: the change log position up to which all is done; cursor_object: of a `moved` row right after it, the last job
# that is. failing_since: of the first failure after the last success. attempts: failures in a row while it is down.
# paused: suspended because somebody asked for it. secret, old_secret: as a Vault seals them. replays, attempted: how
# many of them were made so far. next_attempt: at anything, while it is down. next_retry: of the ping that failed and is
# due first.
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
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_secret_until", UtcDateTime),
    Column("replays", BigInteger, nullable=False, server_default="0"),
    Column("attempted", BigInteger, nullable=False, server_default="0"),
    Column("cursor", BigInteger, nullable=False),
    Column("cursor_object", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("next_attempt", UtcDateTime),
    Column("next_retry", UtcDateTime),
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
# categories, job, user or candidate. position: of the latest change that the ping tells of. since: the first failure.
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
    Column("since", UtcDateTime),
    Column("next_attempt", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "subscription", "ping"),
    ForeignKeyConstraint(["tenant", "subscription"], ["subscriptions.tenant", "subscriptions.id"], ondelete="CASCADE"),
)

# The latest attempts to reach a subscriber. number: counts them. place: the number's remainder by how many are kept, so
# that each takes the place of the one that is no longer among the latest.
attempts = Table(
    "attempts",
    metadata,
    _tenant(),
    Column("subscription", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("pings", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),
    Column("status", BigInteger),
    Column("error", Text),
    Column("next_attempt", UtcDateTime),
    PrimaryKeyConstraint("tenant", "subscription", "place"),
    ForeignKeyConstraint(["tenant", "subscription"], ["subscriptions.tenant", "subscriptions.id"], ondelete="CASCADE"),
)

# The answers that a repeat of a request is given again, by its Idempotency-Key. fingerprint: of the request.
answers = Table(
    "answers",
    metadata,
    _tenant(),
    Column("app", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "app", "key"),
    Index("answers_at", "tenant", "at"),
)

# Files that objects carry: id is in their addresses. data stands last, so that the rest is read without it.
files = Table(
    "files",
    metadata,
    _tenant(),
    Column("id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("object", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("md5", Text, nullable=False),
    Column("date_uploaded", UtcDateTime, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
    Index("files_object", "tenant", "kind", "object"),
)

# What the addresses of a tenant's files are signed with. Made with its first file.
file_keys = Table(
    "file_keys",
    metadata,
    _tenant(),
    Column("key", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant"),
)

# Columns are what lists filter and order by; *document* is the user as answered, without id, date and orgs. login: a
# digest of it, as of any length. date_last_updated: of the last write, or of a remap that moved the user since.
users = Table(
    "users",
    metadata,
    _tenant(),
    Column("id", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("external_id", Text),
    Column("login", Text),
    Column("active", Boolean, nullable=False),
    Column("manager", Boolean, nullable=False),
    Column("recruiter", Boolean, nullable=False),
    Column("date_last_updated", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
    Index("users_external_id", "tenant", "external_id", unique=True),
    Index("users_login", "tenant", "login", unique=True),
    Index("users_date_last_updated", "tenant", "date_last_updated", "id"),
)

# *document* is the candidate as answered, without categories, and with the paths of its files as their addresses.
candidates = Table(
    "candidates",
    metadata,
    _tenant(),
    Column("id", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("date_last_updated", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
)
