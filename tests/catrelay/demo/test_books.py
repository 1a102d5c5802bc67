from hypothesis import given
from hypothesis import strategies as st

from catrelay.demo.books import Books, pins_of

VALUES = st.integers(1, 4)
CHANGES = st.lists(st.tuples(VALUES, st.none() | VALUES).filter(lambda change: change[0] != change[1]), max_size=6)


def test_a_remap_moves_what_is_at_the_value_and_keeps_what_is_at_the_target_once() -> None:
    books = Books({1: {17: (10,)}, 2: {17: (10, 20)}, 3: {17: (30,), 18: (5,)}}, {7: 10, 8: 30})

    books.remap(10, 20)

    assert books.jobs == {1: {17: (20,)}, 2: {17: (20,)}, 3: {17: (30,), 18: (5,)}}
    assert books.testimonials == {7: 20, 8: 30}


def test_an_inactivation_takes_the_value_away() -> None:
    books = Books({1: {17: (10,)}, 2: {17: (10, 20)}, 3: {17: (10,), 18: (5,)}}, {7: 10, 8: 30})

    books.inactivate(10)

    assert books.jobs == {1: {}, 2: {17: (20,)}, 3: {18: (5,)}}
    assert books.testimonials == {7: None, 8: 30}


def test_the_books_tell_who_is_at_a_value() -> None:
    books = Books({1: {17: (10,)}, 2: {18: (10, 20)}, 3: {17: (30,)}}, {7: 10, 8: 30})

    assert books.jobs_at(10, 30) == {1, 2, 3}
    assert books.jobs_at(20) == {2}
    assert books.testimonials_at(10) == {7}


@given(st.lists(VALUES), CHANGES)
def test_after_a_change_nothing_is_at_the_value_that_left(
    values: list[int], changes: list[tuple[int, int | None]]
) -> None:
    books = Books({1: pins_of([(17, values)])}, dict(enumerate(values)))

    for value, to in changes:
        books.inactivate(value) if to is None else books.remap(value, to)

        assert books.jobs_at(value) == frozenset()
        assert books.testimonials_at(value) == frozenset()
        assert all(list(pinned) == sorted(set(pinned)) for pinned in books.jobs[1].values())
