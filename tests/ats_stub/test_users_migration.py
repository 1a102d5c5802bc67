"""A database from before there were users."""

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from ats_stub.store import open_database, open_registry
from ats_stub.store.registry import MIGRATIONS
from catrelay.models import Rules

ONE_VALUE = Rules(mandatory=False, can_multi_select=False, leaf_selection_only=False)
SEVERAL = ONE_VALUE.model_copy(update={"can_multi_select": True})
DECIDED = ONE_VALUE.model_copy(update={"mandatory": True})

TENANT = "INSERT INTO tenants (name) VALUES (:name) RETURNING tenant"
COUNTERS = (
    "INSERT INTO counters (tenant, next_id, seq, position, epoch, orgs_category) VALUES (:tenant, 9, 0, 0, 'e', :orgs)"
)
CATEGORY = (
    "INSERT INTO categories (tenant, id, name, job_rules, candidate_rules) VALUES (:tenant, :id, 'x', :rules, :rules)"
)


def test_users_may_have_several_orgs_where_nobody_decided_on_the_org_trees_rules(empty_database_url: str) -> None:
    database = open_database(empty_database_url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("CREATE SCHEMA ats"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for name, orgs_rules in (("acme", ONE_VALUE), ("globex", DECIDED)):
            tenant = connection.scalar(text(TENANT), {"name": name})
            connection.execute(text(COUNTERS), {"tenant": tenant, "orgs": 1})
            for category, rules in ((1, orgs_rules), (2, ONE_VALUE)):
                row = {"tenant": tenant, "id": category, "rules": rules.to_json().decode()}
                connection.execute(text(CATEGORY), row)

    registry = open_registry(empty_database_url)
    registry.migrate()
    registry.close()

    with database.read() as connection:
        found = connection.scalars(text("SELECT job_rules FROM categories ORDER BY tenant, id")).all()
    database.close()
    assert [Rules.model_validate_json(rules) for rules in found] == [SEVERAL, ONE_VALUE, DECIDED, ONE_VALUE]
