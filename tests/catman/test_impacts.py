"""What the apps' answers come to."""

import pytest

from catman.domain.impacts import AppAnswer, counted, total_of, total_sentence
from catrelay.models import RelatedData


def answer(app: str, **counts: int) -> AppAnswer:
    return AppAnswer(app, data=RelatedData(summary="something", counts=counts or None))


@pytest.mark.parametrize(
    ("count", "kind", "text"),
    [
        (1, "jobs", "1 job"),
        (2, "jobs", "2 jobs"),
        (1_412, "jobs", "1,412 jobs"),
        (1, "entries", "1 entry"),
        (1, "staff", "1 staff"),
        (1, "classes", "1 classes"),
        (0, "jobs", "0 jobs"),
    ],
)
def test_a_count_is_put_into_words(count: int, kind: str, text: str) -> None:
    assert counted(count, kind) == text


def test_counts_of_one_kind_add_up_over_the_apps() -> None:
    total = total_of([answer("ats", jobs=3, users=0), answer("board", jobs=2), AppAnswer("payroll")])

    assert total.counts == {"jobs": 5}
    assert total_sentence(total) == "Affects 5 jobs in 2 apps."


def test_an_app_that_did_not_answer_is_named() -> None:
    total = total_of([answer("ats", jobs=1), AppAnswer("payroll", trouble="No answer")])

    assert total_sentence(total) == "Affects 1 job in 1 app. What happens at payroll is not known."


def test_an_app_without_counts_is_pointed_at() -> None:
    assert total_sentence(total_of([answer("board")])) == "Affects 1 app; see above."


def test_an_app_that_would_refuse_comes_before_all_else() -> None:
    total = total_of([answer("board", jobs=1), AppAnswer("ats", refusal="Not a leaf")])

    assert total_sentence(total) == "ATS would refuse this; see above."


def test_nothing_is_said_to_be_nothing_only_where_it_is_known() -> None:
    silent = [AppAnswer("ats", trouble="No answer"), AppAnswer("board", trouble="No answer")]

    assert total_sentence(total_of([AppAnswer("ats")])) == "No connected app would be affected."
    assert total_sentence(total_of(silent)) == (
        "No app that answered would be affected. What happens at ATS and board is not known."
    )
