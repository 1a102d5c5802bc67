"""Jobs of every shape over HTTP, on both databases: what is written is read back."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ats_stub.planting import plant
from tests.jobs import as_answered, jobs, without_files
from tests.running import Running


def test_what_is_written_is_read_back_and_may_be_sent_back(ats: Running) -> None:
    tree = plant(ats)
    orgs = [ats.post("/orgs/values", {"name": name})["id"] for name in ("North", "South")]
    users = {user["id"]: user for user in (ats.post("/users", {"externalId": str(n)}) for n in range(2))}
    entries = st.builds(
        lambda category, values: {"category": category, "values": values},
        st.just(tree.category),
        st.lists(st.sampled_from([tree.it, tree.data, tree.cloud]), max_size=4),
    ) | st.just({"category": tree.other_category, "values": [tree.other]})
    bodies = jobs(
        orgs=st.sampled_from(orgs),
        categories=st.lists(entries, max_size=3),
        users=st.sampled_from(sorted(users)).map(lambda user: {"id": user}),
    )
    external_ids: set[str] = set()

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(bodies)
    def holds(body: dict[str, Any]) -> None:
        if body.get("externalId") in external_ids:
            del body["externalId"]
        external_ids.update({body["externalId"]} if "externalId" in body else ())

        made = ats.post("/jobs", body)

        path = f"/jobs/byID/{made['id']}"
        answered_only = {"id", "dateLastUpdated"}
        members = {name: member for name, member in made.items() if name not in answered_only}
        assert without_files(members) == without_files(as_answered(body, users))
        assert ats.get(path) == made
        assert ats.call("PATCH", path, members).json() == made

    holds()
