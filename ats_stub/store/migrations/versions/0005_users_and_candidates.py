"""Users and candidates."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


# What org trees were made with when only jobs had orgs, one each, and what they are made with now.
ONE_ORG = '{"mandatory":false,"canMultiSelect":false,"leafSelectionOnly":false}'
SEVERAL_ORGS = ONE_ORG.replace('"canMultiSelect":false', '"canMultiSelect":true')


def upgrade() -> None:
    _let_users_have_several_orgs()
    op.create_table(
        "users",
        sa.Column("tenant", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("login", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("manager", sa.Boolean(), nullable=False),
        sa.Column("recruiter", sa.Boolean(), nullable=False),
        sa.Column("date_last_updated", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("users_external_id", "users", ["tenant", "external_id"], unique=True)
    op.create_index("users_login", "users", ["tenant", "login"], unique=True)
    op.create_index("users_date_last_updated", "users", ["tenant", "date_last_updated", "id"])
    op.create_table(
        "candidates",
        sa.Column("tenant", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("date_last_updated", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )


def _let_users_have_several_orgs() -> None:
    categories = sa.table("categories", *map(sa.column, ("tenant", "id", "job_rules")))
    counters = sa.table("counters", *map(sa.column, ("tenant", "orgs_category")))
    org_trees = sa.select(counters.c.orgs_category).where(counters.c.tenant == categories.c.tenant)
    op.execute(
        sa.update(categories)
        .where(categories.c.id == org_trees.scalar_subquery(), categories.c.job_rules == ONE_ORG)
        .values(job_rules=SEVERAL_ORGS)
    )
