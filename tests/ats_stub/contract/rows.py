"""Which endpoint rows of the contract's tables there are, and which test is about which."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

DOCUMENT = Path(__file__).parents[3] / "docs" / "contract" / "data-migration.md"

# Sections whose tables the ATS serves; what stands under a deeper heading belongs to them. The others' are of pings,
# which are tested where they are sent, and of other services.
SECTIONS = (
    "Discovery",
    "API description",
    "Probes",
    "Categories and values",
    "The journal",
    "Jobs, users, candidates",
    "Subscriptions",
)

_HEADING = re.compile(r"^(#+) (.+)$")
_ENDPOINT = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`\s]*)`")

TESTED: dict[str, Callable[..., object]] = {}
"""The test of each row, by method and path as they are documented."""

Test = TypeVar("Test", bound=Callable[..., object])


def row(*endpoints: str) -> Callable[[Test], Test]:
    """Say that a test is about these rows. Each row has one test, and a test may be about several that go together."""

    def registered(test: Test) -> Test:
        for endpoint in endpoints:
            known = TESTED.setdefault(endpoint, test)
            assert known.__qualname__ == test.__qualname__, f"{endpoint} has {known.__qualname__} already"
            TESTED[endpoint] = test
        return test

    return registered


def documented() -> list[str]:
    """Method and path of each endpoint row, in the document's order."""
    found: list[str] = []
    path: list[str] = []
    for line in DOCUMENT.read_text().splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            path = [*path[: len(heading[1]) - 1], heading[2]]
        elif line.startswith("|") and not set(path).isdisjoint(SECTIONS):
            # The first cell alone: what an endpoint means may name others.
            found += _ENDPOINT.findall(line.split("|")[1])
    return found
