from collections import Counter

import pytest

from catrelay.problems import (
    TYPE_PREFIX,
    BadRequest,
    Conflict,
    FieldError,
    JournalCompacted,
    NotFound,
    Problem,
    ServiceUnreachable,
    Unavailable,
    of_status,
)
from tests.answers import AnswerValidator

ALL = [pytest.param(kind, id=name) for name, kind in Problem.types().items()]


@pytest.mark.parametrize("kind", ALL)
def test_a_problem_comes_back_from_its_document(kind: type[Problem]) -> None:
    problem = kind("It is so", errors=[FieldError("/parent", "is not there")], firstSeq=7)

    back = Problem.from_document(problem.document("/t/acme/jobs"), status=problem.status)

    assert type(back) is kind
    assert (back.detail, back.errors, back.members) == ("It is so", problem.errors, {"firstSeq": 7})
    assert str(back) == "It is so"


@pytest.mark.parametrize("kind", ALL)
def test_a_document_is_a_problem_document(kind: type[Problem]) -> None:
    AnswerValidator().check_problem(kind("It is so").document("/t/acme"), kind.status)


@pytest.mark.parametrize("kind", ALL)
def test_a_condition_has_the_status_of_what_it_is_a_kind_of(kind: type[Problem]) -> None:
    parent = kind.__bases__[0]

    assert parent is Problem or issubclass(parent, Problem)
    assert parent is Problem or kind.status == parent.status


def every(kind: type[Problem]) -> list[type[Problem]]:
    return [each for child in kind.__subclasses__() for each in (child, *every(child))]


def test_every_condition_has_a_type_and_a_title_of_its_own() -> None:
    kinds = every(Problem)

    assert Counter(kind.type for kind in kinds).most_common(1)[0][1] == 1
    assert Counter(kind.title for kind in kinds).most_common(1)[0][1] == 1
    assert Problem.types() == {kind.type: kind for kind in kinds}


def test_a_document_without_errors_and_instance_has_no_such_members() -> None:
    assert NotFound("Gone").document() == {
        "type": TYPE_PREFIX + "not-found",
        "title": "There is nothing here",
        "status": 404,
        "detail": "Gone",
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (404, NotFound),
        (409, Conflict),
        (410, JournalCompacted),
        (418, BadRequest),
        (422, BadRequest),
        (500, ServiceUnreachable),
        (502, ServiceUnreachable),
        (503, Unavailable),
    ],
)
def test_a_status_alone_stands_for_a_condition(status: int, kind: type[Problem]) -> None:
    assert of_status(status) is kind
    assert type(Problem.from_document({"type": "https://vendor.example/x", "title": "No"}, status=status)) is kind


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": None, "detail": None, "errors": None},
        {"type": 7, "title": 7, "detail": {}, "errors": {"pointer": "/x"}},
        {"errors": [7, {"pointer": None}, {"detail": "is wrong"}]},
        {"type": TYPE_PREFIX, "self": "x", "detail ": "x", "": 1},
    ],
)
def test_whatever_another_vendor_answers_becomes_a_problem(document: dict[str, object]) -> None:
    problem = Problem.from_document(document, status=404)

    assert type(problem) is NotFound
    assert problem.detail
