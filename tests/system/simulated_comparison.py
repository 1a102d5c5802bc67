"""Whether everything is where it shall be, once nothing moves any more."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tests.replicator.objects import ObjectOracle
from tests.system.simulated_apps import Site
from tests.system.simulated_ats import AtsSite
from tests.system.simulated_oracle import Objects, Value, Values


def difference(ats: AtsSite, sites: Sequence[Site], values: Values) -> str | None:
    """What is not as it shall be. values: as they were acknowledged."""
    if ats.life is None:
        return "the ATS is down"
    rows = ats.look(
        "SELECT id, category, name, parent, available, remapped_to FROM category_values WHERE category <> ?",
        ats.uploads,
    )
    there = {
        id_: Value(id_, category, name, parent, bool(available), to)
        for id_, category, name, parent, available, to in rows
    }
    found = _different("values of the ATS", there, values.by_id)
    if found is not None:
        return found
    nodes = ats.look("SELECT id, category, node FROM category_values WHERE available")
    tree = _parsed({id_: (category, node) for id_, category, node in nodes})
    return next(filter(None, (_of_site(site, ats, tree) for site in sites)), None)


def _of_site(site: Site, ats: AtsSite, tree: Mapping[int, Any]) -> str | None:
    if site.process is None or site.process.is_dead:
        return f"{site.name} is down"
    if site.cursor != (ats.epoch, ats.history.last):
        behind = "" if site.cursor is None or site.cursor[0] == ats.epoch else ", in another history"
        error = site.replicator.status().last_error
        return f"{site.name} is at {site.cursor and site.cursor[1]}{behind}, the ATS at {ats.history.last}: {error}"
    return _different(f"values of {site.name}", _parsed(site.documents()), tree) or _of_objects(site, ats)


def _of_objects(site: Site, ats: AtsSite) -> str | None:
    objects = Objects(ats.histories, site.policies)
    objects.replay(site.events)
    there: dict[tuple[str, int], set[int]] = {
        ("quote", id_): set() if value is None else {value} for id_, _, value in site.quotes()
    }
    there |= {("article", id_): values for id_, values in site.articles().items()}
    for object_, worlds in objects.worlds.items():
        values = there.pop(object_, None)
        if not any(_is_so(world.object, values) for world in worlds):
            says = " or ".join("deleted" if each.object.is_deleted else str(each.object.pins) for each in worlds)
            return f"{site.name}: {object_} is at {values}, and shall be at {says}"
    return None if not there else f"{site.name} has {sorted(there)}, which are deleted"


def _is_so(oracle: ObjectOracle, values: set[int] | None) -> bool:
    if oracle.is_deleted or values is None:
        return oracle.is_deleted and values is None
    return oracle.values == values


def _parsed(documents: Mapping[int, tuple[int, str]]) -> dict[int, tuple[int, Any]]:
    return {id_: (category, orjson.loads(document)) for id_, (category, document) in documents.items()}


def _different(what: str, there: Mapping[int, Any], wanted: Mapping[int, Any]) -> str | None:
    ids = sorted(there.keys() | wanted.keys())
    wrong = [f"{id_}: {there.get(id_)}, not {wanted.get(id_)}" for id_ in ids if there.get(id_) != wanted.get(id_)]
    return f"{what}: {'; '.join(wrong)}" if wrong else None
