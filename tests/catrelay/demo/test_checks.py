import io

import pytest
from rich.console import Console

from catrelay.demo.checks import Check, Flow
from catrelay.demo.report import print_flow


def printed(flow: Flow) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_flow(console, flow)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("expected", "seen", "difference"),
    [
        ({1: "a", 2: "b"}, {1: "a", 2: "x"}, "2: expected 'b', saw 'x'"),
        ({1: "a"}, {}, "1: expected 'a', saw 'nothing'"),
        ({}, {1: "a"}, "1: expected 'nothing', saw 'a'"),
        (dict.fromkeys(range(5), 1), {}, "2: expected 1, saw 'nothing' and 2 more"),
        (57, 56, "expected 57, saw 56"),
        ("x" * 500, "", "xxx..., saw ''"),
    ],
)
def test_a_wrong_state_does_not_hold_and_the_difference_is_shown(
    expected: object, seen: object, difference: str
) -> None:
    check = Check("it is so", expected, seen)

    assert not check.holds
    assert check.difference().endswith(difference)


def test_a_right_state_holds_without_difference() -> None:
    check = Check("it is so", {1: (2, 3)}, {1: (2, 3)})

    assert check.holds
    assert check.difference() == ""


def test_a_flow_ends_well_only_when_all_that_was_checked_holds() -> None:
    unchecked, well, badly = Flow("a"), Flow("b"), Flow("c")
    unchecked.did("catman → ats: something")
    well.check("first", expected=1, seen=1)
    badly.check("first", expected=1, seen=1)
    badly.check("second", expected=1, seen=2)

    assert [flow.ended_well for flow in (unchecked, well, badly)] == [False, True, False]


def test_the_report_of_a_flow_ends_in_its_verdict() -> None:
    well, badly = Flow("Editor"), Flow("Upload")
    well.did("catman → ats: [create]")
    well.check("first", expected=1, seen=1)
    badly.check("first", expected={7: "IT"}, seen={7: "Data Sciences"})

    assert "    catman → ats: [create]\n  ✓ first\n" in printed(well)
    assert printed(well).strip().endswith("✓ Editor: ended as the document says")
    assert "  ✗ first: 7: expected 'IT', saw 'Data Sciences'\n" in printed(badly)
    assert printed(badly).strip().endswith("✗ Upload: did NOT end as the document says")
