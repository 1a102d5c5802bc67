"""What apps do with their own objects by hand, one method for each kind of step."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.system.simulated_administration import one_of
from tests.system.simulated_apps import Site
from tests.system.simulated_oracle import Pinned
from tests.system.simulated_plan import Step


class Handwork:
    """Each method does what the step says, if there is something to do it to, and says what it did."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = sites

    async def add_quote(self, step: Step) -> str | None:
        found = self._chosen(step, lambda site: site.known())
        if found is None:
            return None
        site, (category, value) = found
        quote = site.next_id("quotes")
        pinned = Pinned(("quote", quote), category, frozenset([value]))
        done = site.by_hand(pinned, lambda: site.app.add_quote(value, category))
        return f"{site.name} {quote} at {value}{'' if done else ' crashed'}"

    async def pin_quote(self, step: Step) -> str | None:
        found = self._chosen(step, lambda site: site.quotes())
        if found is None:
            return None
        site, (id_, category, present) = found
        wanted = site.choices(("quote", id_), category, step.c, 1, set() if present is None else {present})
        value = min(wanted, default=None)
        pinned = Pinned(("quote", id_), category, frozenset(wanted))
        done = site.by_hand(pinned, lambda: site.app.pin_quote(id_, value))
        return f"{site.name} {id_} at {value}{'' if done else ' crashed'}"

    async def add_article(self, step: Step) -> str | None:
        found = self._chosen(step, lambda site: site.known())
        if found is None:
            return None
        site, (category, _) = found
        article = site.next_id("articles")
        empty = Pinned(("article", article), category, frozenset())
        site.categories[article] = category
        if not site.by_hand(empty, lambda: site.app.add_article(set(), category)):
            return "crashed"
        return self._pin_article(site, article, step.c, set())

    async def pin_article(self, step: Step) -> str | None:
        found = self._chosen(step, lambda site: sorted(site.articles().items()))
        if found is None:
            return None
        site, (article, present) = found
        return self._pin_article(site, article, step.c, present)

    async def delete_object(self, step: Step) -> str | None:
        found = self._chosen(step, lambda site: site.quotes())
        if found is None:
            return None
        site, (id_, category, _) = found
        site.by_hand(Pinned(("quote", id_), category, None), lambda: site.delete_quote(id_))
        return f"{site.name} {id_}"

    def _chosen(self, step: Step, what: Callable[[Site], Sequence[Any]]) -> tuple[Site, Any] | None:
        """An app that runs and has some of it, and one of them."""
        start = step.a % len(self._sites)
        for site in [*self._sites[start:], *self._sites[:start]]:
            those = what(site) if site.is_up else ()
            if those:
                return site, one_of(those, step.b)
        return None

    def _pin_article(self, site: Site, article: int, number: int, present: set[int]) -> str | None:
        if not site.is_up:
            return "crashed"
        category = site.categories[article]
        wanted = site.choices(("article", article), category, number, 1 + number % 3, present)
        pinned = Pinned(("article", article), category, frozenset(wanted))
        done = site.by_hand(pinned, lambda: site.app.pin_article(article, set(wanted), category))
        return f"{site.name} {article} at {sorted(wanted)}{'' if done else ' unchanged or crashed'}"
