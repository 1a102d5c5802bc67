from collections.abc import Iterable, Iterator

from catrelay.demo.expertise import DATA_SCIENCES, IT, expertise_tree
from catrelay.demo.places import NORTH_SHORE, TAKAPUNA, location_tree, places
from catrelay.demo.sample import CAST, JOBS, KINDS, STATES, TESTIMONIALS, sample_jobs, sample_testimonials
from catrelay.models import CategoryValueUpload


def flattened(tree: Iterable[CategoryValueUpload]) -> Iterator[CategoryValueUpload]:
    for node in tree:
        yield node
        yield from flattened(node.values or ())


def test_locations_are_the_countries_of_the_world_with_all_their_subdivisions() -> None:
    roots = location_tree()
    external_ids = [node.external_id for node in flattened(roots)]

    assert 240 < len(roots) < 260
    assert len(external_ids) > 5_000
    assert len(set(external_ids)) == len(external_ids) == len(places())


def test_takapuna_is_on_the_north_shore_of_auckland_and_birkenhead_is_not_there_yet() -> None:
    paths = {name: (external_id, parent) for external_id, name, parent in places() if external_id.startswith("NZ")}

    assert paths["Takapuna"] == (TAKAPUNA, NORTH_SHORE)
    assert paths["North Shore"] == (NORTH_SHORE, "NZ-AUK")
    assert paths["Auckland"] == ("NZ-AUK", "NZ")
    assert "Birkenhead" not in paths


def test_data_sciences_is_a_field_of_it() -> None:
    (it,) = [node for node in expertise_tree() if node.external_id == IT]

    assert DATA_SCIENCES in {node.external_id for node in it.values or ()}
    assert 60 <= len(list(flattened(expertise_tree()))) <= 80


def test_the_sample_is_the_same_each_time_and_pinned_to_real_values() -> None:
    jobs, testimonials = sample_jobs(), sample_testimonials()
    known = {
        "location": {node.external_id for node in flattened(location_tree())},
        "expertise": {node.external_id for node in flattened(expertise_tree())},
    }

    assert (len(jobs), len(testimonials)) == (JOBS, TESTIMONIALS)
    assert (jobs, testimonials) == (sample_jobs(), sample_testimonials())
    assert {value for job in jobs for value in job.locations} <= known["location"]
    assert {value for job in jobs for value in job.expertise} <= known["expertise"]
    assert all(each.value in known[each.kind] for each in testimonials)


def test_every_place_that_the_flows_change_has_jobs_of_every_kind_and_testimonials() -> None:
    jobs, testimonials = sample_jobs(), sample_testimonials()

    for place in CAST:
        assert {job.state for job in jobs if place in job.locations} >= set(STATES)
        assert len([each for each in testimonials if each.value == place]) >= 3
    assert any(set(job.locations) >= {TAKAPUNA, NORTH_SHORE} for job in jobs)


def test_a_job_is_posted_with_the_ids_that_the_ats_gave() -> None:
    categories = dict(zip(KINDS, (17, 18), strict=True))
    job = sample_jobs()[0]
    ids = {external_id: 1_000 + number for number, external_id in enumerate((*job.locations, *job.expertise))}

    write = job.to_write(categories, ids).to_document()

    assert write["categories"][0] == {"category": 17, "values": [ids[job.locations[0]]]}
    assert {value for each in write["categories"] for value in each["values"]} == set(ids.values())
    assert (write["status"], write["country"]) == ("active", "NZ")
