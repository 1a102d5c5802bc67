"""The tables of the uploader. *tenant* leads every primary key and index."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    column,
)

from catrelay.database import UtcDateTime
from catrelay.sql_registry import registry_tables

metadata = MetaData()

tenants, tokens, connections = registry_tables(metadata)

INCOMPLETE = ("Queued", "Underway")
ORGS = "/orgs/values"
_is_incomplete = column("status", Text).in_(INCOMPLETE)

# collection: the path of the values. The org tree's is `/orgs/values` however it was sent, once it is known which
# category that is; category is None before. body: as it was accepted. plan: the head of the first plan, and baseline
# the ids that were available then, both JSON. due: not to be tried before. owner: of the claim that has it in work, as
# long as the lease runs. attempts: in a row that brought nothing forward; stuck_since: when the first of them failed.
# problem: why it ended or, while Underway, why the last attempt did not come through.
uploads = Table(
    "uploads",
    metadata,
    Column("tenant", ForeignKey("tenants.tenant", ondelete="CASCADE"), nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("collection", Text, nullable=False),
    Column("category", BigInteger),
    Column("app", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("status", Text, nullable=False),
    Column("problem", Text),
    Column("plan", Text),
    Column("baseline", Text),
    Column("due", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("stuck_since", UtcDateTime),
    Column("owner", Text),
    Column("lease_until", UtcDateTime),
    PrimaryKeyConstraint("tenant", "id"),
    # One incomplete upload of a collection, however many are sent at once.
    Index(
        "uploads_incomplete",
        "tenant",
        "collection",
        unique=True,
        sqlite_where=_is_incomplete,
        postgresql_where=_is_incomplete,
    ),
)

# key: a pointer into the body, or `id:N` of a value that leaves. item: as the plan shows it, without its problem.
# value: the object, once it is known. state: pending, done or failed.
items = Table(
    "upload_items",
    metadata,
    Column("tenant", Integer, nullable=False),
    Column("upload", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("value", BigInteger),
    Column("state", Text, nullable=False),
    Column("problem", Text),
    PrimaryKeyConstraint("tenant", "upload", "position"),
    ForeignKeyConstraint(["tenant", "upload"], ["uploads.tenant", "uploads.id"], ondelete="CASCADE"),
)
