"""Categories with values, made over HTTP, and jobs' bodies that reference them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.running import Running


@dataclass(frozen=True)
class Tree:
    """A category with the values it > (data, platforms > cloud), and a second one with the value *other*."""

    category: int
    it: int
    data: int
    platforms: int
    cloud: int
    other_category: int
    other: int

    @property
    def values(self) -> str:
        """The path of the first category's values."""
        return f"/categories/byID/{self.category}/values"


def plant(ats: Running) -> Tree:
    """Make the categories and their values."""
    category = ats.post("/categories", {"name": "Expertise"})["id"]
    other_category = ats.post("/categories", {"name": "Location"})["id"]

    def add(name: str, parent: int | None = None, within: int = category) -> int:
        members = {} if parent is None else {"parent": parent}
        made: int = ats.post(f"/categories/byID/{within}/values", {"name": name} | members)["id"]
        return made

    it = add("IT")
    data = add("Data Science", it)
    platforms = add("Platforms", it)
    cloud = add("Cloud", platforms)
    return Tree(category, it, data, platforms, cloud, other_category, add("Berlin", within=other_category))


def holding(category: int, *values: int) -> dict[str, Any]:
    """The member of a job that references the values."""
    return {"categories": [{"category": category, "values": list(values)}]}


def ids(page: Mapping[str, Any]) -> list[int]:
    """The ids of a page of jobs, in its order."""
    return [job["id"] for job in page["results"]]
