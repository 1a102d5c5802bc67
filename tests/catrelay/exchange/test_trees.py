"""Values of one tenant made those of another, without a server: a small model of the ATS's rules takes the writes."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from catrelay.exchange.matching import match_values
from catrelay.exchange.nodes import Node, end_of, node_of
from catrelay.exchange.trees import leave, plan
from catrelay.models import CategoryValueWrite
from catrelay.problems import Problem, ValueHasChildren
from tests.uploader.ats_rules import AtsRules

Draft = tuple[str, str, str | None, str | None, int, int]

# A kind of write, a name, a code, an externalId, and two places in the list of values that there are by then.
_drafts: st.SearchStrategy[Draft] = st.tuples(
    st.sampled_from(["make", "make", "make", "place", "remap", "remap", "inactivate", "restore"]),
    st.sampled_from(["North", "South"]),
    st.sampled_from([None, None, "N", "S"]),
    st.sampled_from([None, None, "1", "2", "3"]),
    st.integers(0, 9),
    st.integers(0, 9),
)
_scripts = st.lists(_drafts, max_size=14)


def write_of(draft: Draft, ids: list[int]) -> CategoryValueWrite:
    verb, name, code, key, one, other = draft
    if verb == "make" or not ids:
        parent = ids[other % len(ids)] if ids and one % 2 else None
        members = {"name": name, "code": code, "external_id": key, "parent": parent}
        return CategoryValueWrite.model_validate({n: m for n, m in members.items() if m is not None}, by_name=True)
    changes: dict[str, object] = {
        "place": {"parent": ids[other % len(ids)]},
        "remap": {"available": False, "remapped_to": ids[other % len(ids)]},
        "inactivate": {"available": False},
        "restore": {"available": True},
    }[verb]  # type: ignore[assignment] # each is a dict
    return CategoryValueWrite.model_validate({"id": ids[one % len(ids)], **changes}, by_name=True)


def filled(script: list[Draft], first_id: int) -> tuple[AtsRules, dict[int, int]]:
    """A category after *script*, less what its rules refused, and the last seq of each value that went."""
    rules = AtsRules(next_id=first_id)
    last_seq: dict[int, int] = {}
    for seq, draft in enumerate(script):
        with suppress(Problem):
            value = rules.write(write_of(draft, list(rules.values)))
            if not value.available:
                last_seq[value.id] = seq
    return rules, last_seq


def nodes(rules: AtsRules) -> dict[int, Node]:
    return {value.id: node_of(value) for value in rules.values.values()}


def writes(
    source: dict[int, Node], target: AtsRules, known: dict[int, int], last_seq: dict[int, int]
) -> Iterator[None]:
    """Carries out what there is to do; one write whenever it is asked to go on. *known* takes what was made."""
    present = nodes(target)
    known.update(match_values(source, present, known))
    available = {node.id for node in present.values() if node.available}
    todo = plan(source, present, known, last_seq)
    for wave in todo.waves:
        for entering in wave:
            written = target.write(entering.write(known))
            known[entering.source] = written.id
            if written.available:
                available.add(written.id)
            yield
    for going in todo.going:
        leaving = leave(going, source, known, available)
        assert leaving is not None
        target.write(leaving.write())
        available.discard(leaving.target)
        yield


def assert_same(source: dict[int, Node], target: dict[int, Node], ids: dict[int, int]) -> None:
    assert ids.keys() == source.keys()
    assert len(set(ids.values())) == len(ids)
    for node in source.values():
        found = target[ids[node.id]]
        assert (found.name, found.available) == (node.name, node.available)
        assert found.parent == (None if node.parent is None else ids[node.parent])
        assert node.code in (None, found.code)
        assert node.external_id in (None, found.external_id)
        end, found_end = end_of(node, source), end_of(found, target)
        assert end is None or (found_end is not None and found_end.id == ids[end.id])


@given(_scripts)
def test_an_empty_category_becomes_the_same_with_its_chains(script: list[Draft]) -> None:
    rules, last_seq = filled(script, 1)
    source, target, ids = nodes(rules), AtsRules(), dict[int, int]()

    list(writes(source, target, ids, last_seq))

    there = nodes(target)
    assert_same(source, there, ids)
    assert list(writes(source, target, {}, last_seq)) == []
    for node in source.values():
        heir = None if node.remapped_to is None else ids[node.remapped_to]
        assert there[ids[node.id]].remapped_to == heir


@given(_scripts, _scripts, st.integers(0, 30))
def test_what_is_there_is_matched_and_the_rest_left_alone_wherever_it_was_cut_short(
    script: list[Draft], there: list[Draft], done: int
) -> None:
    rules, last_seq = filled(script, 1)
    source = nodes(rules)
    target, _ = filled(there, 101)
    before = nodes(target)
    ids: dict[int, int] = {}

    # A value that is to go stays while the target has children of its own below it: then there is nothing to compare.
    with suppress(ValueHasChildren):
        list(islice(writes(source, target, ids, last_seq), done))
        list(writes(source, target, ids, last_seq))

        assert_same(source, nodes(target), ids)
        assert list(writes(source, target, ids, last_seq)) == []
    assert all(nodes(target)[node.id] == node for node in before.values() if node.id not in ids.values())
