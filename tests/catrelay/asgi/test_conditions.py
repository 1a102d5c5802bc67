import pytest

from catrelay.asgi.conditions import gzipped, is_known, matches, plain, with_moving
from catrelay.problems import InvalidRequest

MALFORMED = ["a", '"a', 'a"', '"a" "b"', "*, *", '"a", *', 'w/"a"', 'W/ "a"', '"a b"', "'a'", '"a";"b"', '"a"\x00']


@pytest.mark.parametrize(
    "header", [None, "*", ' "a"', '"a" ', '"b", "a"', '"b","a"', ',"a",', '"b" ,\t, "a"', '"a-gzip"']
)
def test_an_if_match_that_names_the_state_lets_it_change(header: str | None) -> None:
    assert matches(header, '"a"')


@pytest.mark.parametrize("header", ['"b"', 'W/"a"', '"b", W/"a"', '"A"', '"a-br"', '""'])
def test_an_if_match_that_does_not_name_the_state_strongly_keeps_it(header: str) -> None:
    assert not matches(header, '"a"')


def test_a_weak_tag_of_ours_never_matches_strongly() -> None:
    assert not matches('W/"a"', 'W/"a"')
    assert not matches('"a"', 'W/"a"')


@pytest.mark.parametrize("header", ["*", '"a"', 'W/"a"', '"b", W/"a"', '"a-gzip"', 'W/"a-gzip"'])
def test_an_if_none_match_that_names_the_state_in_any_way_knows_it(header: str) -> None:
    assert is_known(header, '"a"')
    assert is_known(header, '"a-gzip"')
    assert is_known(header, 'W/"a"')


@pytest.mark.parametrize("header", [None, '"b"', 'W/"b"', '""'])
def test_an_if_none_match_that_does_not_name_the_state_does_not_know_it(header: str | None) -> None:
    assert not is_known(header, '"a"')


@pytest.mark.parametrize("header", MALFORMED)
def test_what_is_no_list_of_tags_is_refused(header: str) -> None:
    with pytest.raises(InvalidRequest, match="If-Match"):
        matches(header, '"a"')
    with pytest.raises(InvalidRequest, match="If-None-Match"):
        is_known(header, '"a"')


def test_an_empty_header_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        matches("", '"a"')


def test_a_tag_may_have_any_character_but_a_quote() -> None:
    assert matches('"a,b;c\xe9", "d"', '"a,b;c\xe9"')
    assert matches('"W/a"', '"W/a"')


def test_the_gzipped_tag_leads_back_to_the_plain_one() -> None:
    assert gzipped('"a"') == '"a-gzip"'
    assert plain(gzipped('"a"')) == plain('"a"') == '"a"'


def test_what_moves_by_itself_is_not_compared_but_known() -> None:
    seen, present = (with_moving('"a"', f'"{number}"') for number in (1, 2))

    assert (seen, present) == ('"a.1"', '"a.2"')
    assert matches(gzipped(seen), present)
    assert matches(seen, '"a"')
    assert not matches('"b.2"', present)
    assert not is_known(seen, present)
