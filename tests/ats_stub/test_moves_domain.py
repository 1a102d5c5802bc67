"""Reading while links move: as if all moves had been made at once."""

from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.moves import MAX_PIECE, MIN_PIECE, PIECE_SECONDS, Move, Moving, Trail, next_size

AT = datetime(2026, 11, 22, tzinfo=UTC)
VALUES = st.integers(1, 4)


@dataclass(frozen=True)
class Link:
    id: int
    value: int
    trail: Trail = ()


def made(move: Move, link: Link) -> Link:
    """The oracle: one move of one link, as it is stored once it was made."""
    if link.value != move.source or link.id >= move.before:
        return link
    if move.undoes is None:
        return Link(link.id, move.target, (*link.trail, move.seq))
    return Link(link.id, move.target, link.trail[:-1]) if link.trail[-1:] == (move.undoes,) else link


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Move], list[Link]]:
    """Moves in order, and links as they are stored when the first *done* of them were made."""
    moves: list[Move] = []
    links: list[Link] = []
    next_link, done = 1, draw(st.integers(0, 6))
    for seq in range(1, draw(st.integers(1, 9)) + 1):
        for _ in range(draw(st.integers(0, 2))):
            links.append(Link(next_link, draw(VALUES)))
            next_link += 1
        remaps = [move for move in moves if move.undoes is None and move.target > 0]
        source, target = draw(st.lists(VALUES, min_size=2, max_size=2, unique=True))
        match draw(st.sampled_from(["remap", "inactivate", "undo"])):
            case "undo" if remaps:
                remap = draw(st.sampled_from(remaps))
                move = Move(seq, 9, remap.target, remap.source, next_link, AT, undoes=remap.seq)
            case "inactivate":
                move = Move(seq, 9, source, -seq, next_link, AT)
            case _:
                move = Move(seq, 9, source, target, next_link, AT)
        moves.append(move)
        if seq <= done:
            links = [made(move, link) for link in links]
    return moves[done:], links


@given(histories())
def test_a_link_is_where_it_will_be_once_all_moves_were_made(history: tuple[list[Move], list[Link]]) -> None:
    pending, links = history
    moving = Moving(pending)

    for link in links:
        stretch = moving.stretch_of(link.value, link.id, link.trail)

        end = link
        for move in pending:
            end = made(move, end)
        assert (link.value if stretch is None else stretch.place) == end.value


@given(histories())
def test_the_stretches_of_a_value_are_disjoint_and_cover_it(history: tuple[list[Move], list[Link]]) -> None:
    pending, links = history
    moving = Moving(pending)

    for link in links:
        fitting = [each for each in moving.stretches if each.value == link.value and each.has(link.id, link.trail)]

        assert len(fitting) == (1 if any(move.source == link.value for move in pending) else 0)


@given(histories(), st.integers(0, 5))
def test_it_makes_no_difference_how_many_pieces_of_the_first_move_were_made(
    history: tuple[list[Move], list[Link]], pieces: int
) -> None:
    pending, links = history
    moving = Moving(pending)

    for link in links[:pieces]:
        moved = made(pending[0], link) if pending else link
        before = moving.stretch_of(link.value, link.id, link.trail)
        after = moving.stretch_of(moved.value, moved.id, moved.trail)

        place = moved.value if after is None else after.place
        assert place == (link.value if before is None else before.place)


def test_pieces_grow_and_shrink_until_they_take_as_long_as_they_should() -> None:
    def settled(objects_per_second: float, size: int = 2_000) -> int:
        for _ in range(20):
            size = next_size(size, size, size / objects_per_second)
        return size

    assert settled(100_000) == 100_000 * PIECE_SECONDS
    assert settled(30_000) == 30_000 * PIECE_SECONDS
    assert settled(1_000_000) == MAX_PIECE
    assert settled(1) == MIN_PIECE


def test_one_piece_that_took_very_long_or_no_time_says_little() -> None:
    assert next_size(2_000, 2_000, 60) == 1_000
    assert next_size(2_000, 2_000, 0.0001) == 3_000


def test_the_last_piece_of_a_move_says_nothing_of_how_long_a_whole_one_takes() -> None:
    assert next_size(2_000, 1_999, 0.0001) == 2_000
