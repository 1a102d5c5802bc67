"""What apps do with their own objects by hand, one method for each kind of step."""

from collections.abc import Sequence

from tests.system.simulated_administration import one_of
from tests.system.simulated_apps import Site
from tests.system.simulated_oracle import Pinned
from tests.system.simulated_plan import Step


class Handwork:
    """Each method does what the step says, if there is something to do it to, and says what it did."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = sites

    def _site(self, number: int) -> Site | None:
        site: Site | None = one_of([site for site in self._sites if site.is_up], number)
        return site

    async def add_quote(self, step: Step) -> str | None:
        site = self._site(step.a)
        value = None if site is None else one_of(site.known(), step.b)
        if site is None or value is None:
            return None
        category, id_ = value
        quote = site.next_id("quotes")
        pinned = Pinned(("quote", quote), category, frozenset([id_]))
        done = site.by_hand(pinned, lambda: site.app.add_quote(id_, category))
        return f"{site.name} {quote} at {id_}{'' if done else ' crashed'}"

    async def pin_quote(self, step: Step) -> str | None:
        site = self._site(step.a)
        quote = None if site is None else one_of(site.quotes(), step.b)
        if site is None or quote is None:
            return None
        id_, category, present = quote
        wanted = site.choices(("quote", id_), category, step.c, 1, {present} if present is not None else set())
        value = min(wanted, default=None)
        pinned = Pinned(("quote", id_), category, frozenset(wanted))
        done = site.by_hand(pinned, lambda: site.app.pin_quote(id_, value))
        return f"{site.name} {id_} at {value}{'' if done else ' crashed'}"

    async def add_article(self, step: Step) -> str | None:
        site = self._site(step.a)
        value = None if site is None else one_of(site.known(), step.b)
        if site is None or value is None:
            return None
        category, _ = value
        article = site.next_id("articles")
        empty = Pinned(("article", article), category, frozenset())
        site.categories[article] = category
        if not site.by_hand(empty, lambda: site.app.add_article(set(), category)):
            return "crashed"
        return self._pin_article(site, article, step.c, set())

    async def pin_article(self, step: Step) -> str | None:
        site = self._site(step.a)
        article = None if site is None else one_of(sorted(site.articles().items()), step.b)
        if site is None or article is None:
            return None
        return self._pin_article(site, article[0], step.c, article[1])

    def _pin_article(self, site: Site, article: int, number: int, present: set[int]) -> str | None:
        if not site.is_up:
            return "crashed"
        category = site.categories[article]
        wanted = site.choices(("article", article), category, number, 1 + number % 3, present)
        pinned = Pinned(("article", article), category, frozenset(wanted))
        done = site.by_hand(pinned, lambda: site.app.pin_article(article, set(wanted), category))
        return f"{site.name} {article} at {sorted(wanted)}{'' if done else ' unchanged or crashed'}"

    async def delete_object(self, step: Step) -> str | None:
        site = self._site(step.a)
        quote = None if site is None else one_of(site.quotes(), step.b)
        if site is None or quote is None:
            return None
        id_, category, _ = quote
        site.by_hand(Pinned(("quote", id_), category, None), lambda: site.delete_quote(id_))
        return f"{site.name} {id_}"
