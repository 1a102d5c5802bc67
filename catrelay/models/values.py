"""Categories, their values, and what objects reference. Source: docs/contract/, "Categories and values"."""

from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field, RootModel

from catrelay.models.wire import Id, Key, NeverNull, Number, Text, Wire

# The codes the documented API accepts: ISO 3166-1 alpha-2 with the exceptional reservations AC and TA and the
# withdrawn AN, without what was assigned after 2009.
_COUNTRY_CODES = """
AC AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CX CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA
GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO
JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MP MQ MR
MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PT PW PY QA RE RO
RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR ST SV SY SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT TV
TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_COUNTRY_CODES.split())


def _known_country(code: object) -> object:
    if isinstance(code, str) and code not in COUNTRIES:
        raise ValueError("is not a country code (ISO 3166-1 alpha-2) that the contract knows")
    return code


Country = Annotated[str, BeforeValidator(_known_country), Field(json_schema_extra={"enum": sorted(COUNTRIES)})]


class Location(Wire):
    """Geographic coordinates in degrees. A stored location has both *lat* and *lng*; a patch may have one."""

    lat: Number | None = None
    lng: Number | None = None
    country: Country | None = None


class CategoryValueWrite(Wire):
    """A value's intended state, as a JSON Merge Patch: an absent member stays, null clears."""

    id: Annotated[Id | None, NeverNull()] = None
    available: Annotated[bool | None, NeverNull()] = None
    name: Annotated[Text | None, NeverNull()] = None
    code: Text | None = None
    # The data-migration document also spells it externalID.
    external_id: Key | None = Field(default=None, validation_alias=AliasChoices("externalId", "externalID"))
    sequence: Number | None = None
    parent: Id | None = None
    remapped_to: Id | None = None
    location: Location | None = None


class CategoryValueUpload(CategoryValueWrite):
    """A node of an uploaded tree."""

    values: tuple["CategoryValueUpload", ...] | None = None


class CategoryValue(Wire):
    """A node of a category's tree, as answered. *values* (its children) stands in tree answers only."""

    id: Id
    available: bool
    name: Text
    code: Text | None = None
    external_id: Key | None = Field(default=None, validation_alias=AliasChoices("externalId", "externalID"))
    sequence: Number | None = None
    parent: Id | None = None
    remapped_to: Id | None = None
    location: Location | None = None
    values: tuple["CategoryValue", ...] | None = None


class CategoryValues(RootModel[tuple[CategoryValue, ...]]):
    """The available nodes of a category: roots, each with its children."""


class Rules(Wire):
    """How objects of one kind may select values of a category."""

    mandatory: bool
    can_multi_select: bool
    leaf_selection_only: bool
    message: Text | None = None


class RulesWrite(Wire):
    """A JSON Merge Patch of Rules."""

    mandatory: Annotated[bool | None, NeverNull()] = None
    can_multi_select: Annotated[bool | None, NeverNull()] = None
    leaf_selection_only: Annotated[bool | None, NeverNull()] = None
    message: Text | None = None


class CategoryWrite(Wire):
    """A category's intended state, as a JSON Merge Patch. *key* is given when the category is made."""

    key: Literal["LOCATION"] | None = None
    name: Annotated[Text | None, NeverNull()] = None
    code: Text | None = None
    job_rules: Annotated[RulesWrite | None, NeverNull()] = None
    candidate_rules: Annotated[RulesWrite | None, NeverNull()] = None


class CategoryCreate(CategoryWrite):
    """A new category."""

    name: Text


class Category(Wire):
    """A category without its values."""

    id: Id
    key: Literal["LOCATION"] | None = None
    name: Text
    code: Text | None = None
    job_rules: Rules
    candidate_rules: Rules


class Categories(RootModel[tuple[Category, ...]]):
    """All categories of a tenant."""


class CategoryActual(Wire):
    """The values of one category that an object references."""

    category: Id
    values: tuple[Id, ...]


class CategoriesActual(RootModel[tuple[CategoryActual, ...]]):
    """All values that an object references, by category."""


class RelatedData(Wire):
    """What an app holds on a value, or what a change would do there.

    summary: Markdown, at most 1000 visible characters. counts: objects by kind.
    """

    summary: Text
    counts: dict[str, Annotated[int, Field(ge=0)]] | None = None


class ValuesBatch(Wire):
    """Many nodes in order, one commit. atomic: all or none. A node with children is understood, and refused."""

    atomic: bool = False
    values: tuple[CategoryValueUpload, ...]


class BatchResult(Wire):
    """What became of one node of a batch: 200 or 201 with its new state, else a problem document."""

    status: int
    value: CategoryValue | None = None
    problem: dict[str, object] | None = None


class BatchResults(Wire):
    """One result per node of the batch, in its order."""

    results: tuple[BatchResult, ...]


class CategoryVersion(Wire):
    """version: another one with each change of the category or of a value of it. It says nothing else."""

    id: Id
    version: Text


class CategoryVersions(Wire):
    """The versions of all categories, the org tree's included, by id. seq: the journal's last as of them."""

    epoch: Text
    seq: int = Field(ge=0)
    categories: tuple[CategoryVersion, ...]


class ValueList(Wire):
    """A keyset page of values. next: the path of the next page, absent on the last."""

    results: tuple[CategoryValue, ...]
    next: str | None = None


class BranchDigest(Wire):
    """A top-level value with all that stands below it. count: of values, itself included."""

    id: Id
    count: int = Field(ge=1)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class ValuesDigest(Wire):
    """A category's tree at a seq, in short. How the hashes are made: docs/contract/, "The digest"."""

    seq: int = Field(ge=0)
    count: int = Field(ge=0)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    branches: tuple[BranchDigest, ...]
