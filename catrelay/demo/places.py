"""The LOCATION category of the sample tenant: ISO 3166 countries and their subdivisions.

New Zealand also gets some real places below its regions. Their externalIds are our own, as ISO 3166 ends above them.
"""

from collections.abc import Iterable, Mapping

import pycountry

from catrelay.models import CategoryValueUpload

AUCKLAND = "NZ-AUK"
NORTH_SHORE = "NZ-AUK/north-shore"
TAKAPUNA = "NZ-AUK/takapuna"
WELLINGTON_CITY = "NZ-WGN/wellington"
BROOKLYN_MISSPELT = "NZ-WGN/brooklyn"
HAPPY_VALLEY = "NZ-WGN/happy-valley"
DUNEDIN = "NZ-OTA/dunedin"
CAVERSHAM = "NZ-OTA/caversham"
CORSTORPHINE = "NZ-OTA/corstorphine"
SAINT_CLAIR = "NZ-OTA/st-clair"
ABBOTSFORD = "NZ-OTA/abbotsford"

Place = tuple[str, str, str]
"""externalId, name, the parent's externalId."""

NEW_ZEALAND: tuple[Place, ...] = (
    (NORTH_SHORE, "North Shore", AUCKLAND),
    (TAKAPUNA, "Takapuna", NORTH_SHORE),
    ("NZ-AUK/devonport", "Devonport", NORTH_SHORE),
    ("NZ-AUK/milford", "Milford", NORTH_SHORE),
    ("NZ-AUK/manukau", "Manukau", AUCKLAND),
    ("NZ-AUK/otara", "Ōtara", "NZ-AUK/manukau"),
    ("NZ-AUK/mangere", "Māngere", "NZ-AUK/manukau"),
    (WELLINGTON_CITY, "Wellington City", "NZ-WGN"),
    ("NZ-WGN/te-aro", "Te Aro", WELLINGTON_CITY),
    (BROOKLYN_MISSPELT, "Brookyln", WELLINGTON_CITY),
    (HAPPY_VALLEY, "Happy Valley", WELLINGTON_CITY),
    (DUNEDIN, "Ōtepoti Dunedin", "NZ-OTA"),
    (CAVERSHAM, "Caversham", DUNEDIN),
    (CORSTORPHINE, "Corstorphine", DUNEDIN),
    (SAINT_CLAIR, "St Clair", DUNEDIN),
    (ABBOTSFORD, "Abbotsford", DUNEDIN),
)


def places() -> tuple[Place | tuple[str, str, None], ...]:
    """All places, countries first; a country has no parent."""
    countries = sorted((country.alpha_2, _common_name(country)) for country in pycountry.countries)
    subdivisions = sorted(
        (each.code, each.name, each.parent_code or each.country_code) for each in pycountry.subdivisions
    )
    return (*((code, name, None) for code, name in countries), *subdivisions, *NEW_ZEALAND)


def location_tree() -> tuple[CategoryValueUpload, ...]:
    """The places as a tree to upload. code repeats the externalId."""
    children: dict[str | None, list[tuple[str, str]]] = {}
    for external_id, name, parent in places():
        children.setdefault(parent, []).append((external_id, name))
    return _branch(children, None)


def country_of(external_id: str) -> str:
    """ISO 3166-1 alpha-2 of the country that a place is in."""
    return external_id[:2]


def _branch(
    children: Mapping[str | None, Iterable[tuple[str, str]]], parent: str | None
) -> tuple[CategoryValueUpload, ...]:
    return tuple(
        CategoryValueUpload(name=name, code=external_id, external_id=external_id, values=_branch(children, external_id))
        for external_id, name in children.get(parent, ())
    )


def _common_name(country: object) -> str:
    """ "Bolivia" rather than "Bolivia, Plurinational State of", where there is such a name."""
    name: str = getattr(country, "common_name", None) or country.name  # type: ignore[attr-defined] # has no stubs
    return name
