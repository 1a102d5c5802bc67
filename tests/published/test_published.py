"""Our models against the published schemas and examples of the data-migration API."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from pydantic import BaseModel

from catrelay.asgi import parse_body
from catrelay.models import (
    COUNTRIES,
    Availability,
    CategoriesActual,
    CategoryActual,
    CategoryValue,
    CategoryValuesUpload,
    CategoryValueWrite,
    CloseDates,
    DeltaPing,
    ItemPackageRead,
    JobRead,
    JobWrite,
    PublishDates,
    UserRead,
    UserWrite,
    answer_schema,
)
from catrelay.models.items import StringItem
from tests.answers import PINGS, AnswerValidator, published_schemas
from tests.endpoints import PUBLISHED
from tests.published_schemas import PublishedSchemas
from tests.strategies import nodes

EXAMPLES = {
    "categories-simple.json": ("categories.json", "GET /categories"),
    "category-simple.json": ("category.json", "GET /categories/byID/{category}"),
    "categoryValues-simple.json": ("categoryValues.json", "GET /categories/byID/{category}/values"),
    "categoryValue-simple.json": ("categoryValue.json", "GET /categories/byID/{category}/values/byID/{value}"),
    "categoryRelatedData-summary.json": (
        "categoryRelatedData.json",
        "GET /categories/byID/{category}/values/byID/{value}/summary",
    ),
    "categoryRelatedData-change.json": (
        "categoryRelatedData.json",
        "POST /categories/byID/{category}/values/byID/{value}/changeImpact",
    ),
    "jobRead-simple.json": ("jobRead.json", "GET /jobs/byID/{job}"),
    "uploadStatus-jobAds.json": ("uploadStatus.json", "GET /categories/byID/{category}/values/uploads/byID/{upload}"),
}
REQUESTS: dict[str, type[BaseModel]] = {
    "categoriesActual-simple.json": CategoriesActual,
    "categoryValue-simple.json": CategoryValueWrite,
    "deltaPing-simple.json": DeltaPing,
    "jobWrite-simple.json": JobWrite,
    "userRead-simpleManager.json": UserWrite,
    "userWrite-simple.json": UserWrite,
}


@pytest.fixture(scope="session")
def schemas() -> PublishedSchemas:
    found = published_schemas()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def examples(published_schemas: Path) -> Path:
    return published_schemas.parent / "examples"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_published_example_of_an_answer_is_one_of_ours(name: str, examples: Path) -> None:
    method, path = EXAMPLES[name][1].split(" ")

    AnswerValidator().check(method, path, 200, json.loads((examples / name).read_text()))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_published_example_of_a_request_is_understood(name: str, examples: Path) -> None:
    text = (examples / name).read_bytes()

    assert json.loads(
        parse_body(text, REQUESTS[name]).model_dump_json(by_alias=True, exclude_unset=True)
    ) == json.loads(text)


def test_a_published_example_of_an_upload_is_understood(examples: Path) -> None:
    upload = parse_body((examples / "categoryValuesUpload-test1.json").read_bytes(), CategoryValuesUpload)

    assert [(value.id, value.name) for value in upload.category_values] == [(10037, "Takapuna/Milford")]


def test_every_reference_between_the_schemas_leads_somewhere(schemas: PublishedSchemas) -> None:
    unresolved = {
        f"{name}: {reference}"
        for name, schema in schemas.schemas.items()
        for reference in re.findall(r'"\$ref": "([^"#]+)', json.dumps(schema))
        if reference not in schemas.schemas
    }

    assert unresolved == set()


def test_the_members_that_are_ours_extend_the_schemas(schemas: PublishedSchemas) -> None:
    with_counts = {"summary": "Two testimonials", "counts": {"testimonials": 2}}

    assert list(schemas.errors("categoryRelatedData.json", with_counts)) == []
    assert list(schemas.errors("categoryRelatedData.json", with_counts | {"counts": {"testimonials": -1}}))
    assert list(schemas.errors("categoryRelatedData.json", with_counts | {"more": 1}))


def test_an_error_deep_in_a_tree_is_found_through_the_references(schemas: PublishedSchemas) -> None:
    tree = [{"id": 1, "values": [{"id": 2, "values": [{"id": "three"}]}]}]

    assert list(schemas.errors("categoryValues.json", tree)) == [
        "$[0].values[0].values[0].id: 'three' is not of type 'integer'"
    ]


def test_the_countries_are_the_published_ones(schemas: PublishedSchemas) -> None:
    country = schemas.schemas["categoryValue.json"]["definitions"]["location"]["properties"]["country"]

    assert sorted(COUNTRIES) == sorted(country["enum"])


def answer_models() -> list[Any]:
    pairs = set(PUBLISHED.items())
    pairs |= {(model, published) for _, model, published in PINGS}
    return [
        pytest.param(model, published, id=published)
        for model, published in sorted(pairs, key=lambda pair: pair[1])
        if answer_schema(model).get("type") != "array"
    ]


@pytest.mark.parametrize(("model", "published"), answer_models())
def test_our_answers_have_no_member_that_is_not_published(
    model: type[BaseModel], published: str, schemas: PublishedSchemas
) -> None:
    schema = answer_schema(model)
    own = schema.get("properties") or schema["$defs"][model.__name__]["properties"]

    assert set(own) <= set(schemas.schemas[published]["properties"])


@given(nodes)
def test_whatever_a_value_holds_is_valid_against_the_published_schema(value: CategoryValue) -> None:
    AnswerValidator().check("GET", "/categories/byID/17/values/byID/1001", 200, value.to_document())


def test_a_job_with_all_of_its_members_is_valid_against_the_published_schema() -> None:
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    job = JobRead(
        id=5,
        status="complete",
        org=7,
        template_flag=False,
        availability=Availability(
            available_internally=True,
            available_externally=False,
            job_publish_dates=PublishDates(publish_date=at, internal_publish_date=at, external_publish_date=at),
            application_close_dates=CloseDates(close_date=at, internal_close_date=at, external_close_date=at),
        ),
        code="1022NH",
        external_id="SAP-1022",
        access_code="x",
        title="Chef",
        short_summary="Cook",
        description="Cook well",
        company="Acme",
        country="NZ",
        workflow=3,
        categories=CategoriesActual((CategoryActual(category=17, values=(1001,)),)),
        manager=UserRead(id=8, external_id="boss"),
        recruiter=UserRead(id=9),
        items=(ItemPackageRead(item=StringItem(type="string", name="Why", value="because")),),
        date_last_updated=at,
    )

    assert set(job.to_document()) == set(answer_schema(JobRead)["properties"])
    AnswerValidator().check("GET", "/jobs/byID/5", 200, job.to_document())
