"""The sample tenant's jobs and testimonials: the same ones each time, pinned to values by externalId. Pure."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from catrelay.demo import expertise, places
from catrelay.demo.voices import AUTHORS, COMPANIES, TEXTS
from catrelay.models import (
    COUNTRIES,
    Availability,
    CategoriesActual,
    CategoryActual,
    CloseDates,
    JobWrite,
    PublishDates,
)

SEED = 1840
JOBS = 300
TESTIMONIALS = 200
CLOSED_ON = datetime(2020, 1, 31, 17, tzinfo=UTC)

Kind = Literal["location", "expertise"]
KINDS: tuple[Kind, ...] = ("location", "expertise")

CAST = (
    places.TAKAPUNA,
    places.NORTH_SHORE,
    places.BROOKLYN_MISSPELT,
    places.HAPPY_VALLEY,
    places.CAVERSHAM,
    places.CORSTORPHINE,
    places.SAINT_CLAIR,
    places.ABBOTSFORD,
)
"""Places that the flows change: each has jobs and testimonials of every kind."""

State = Literal["open externally", "open", "closed", "complete", "template"]
STATES: tuple[State, ...] = ("open externally", "open", "closed", "complete", "template")


@dataclass(frozen=True)
class Job:
    """A job. locations and expertise: externalIds."""

    number: int
    title: str
    company: str
    state: State
    locations: tuple[str, ...]
    expertise: tuple[str, ...]

    def to_write(self, categories: Mapping[Kind, int], ids: Mapping[str, int]) -> JobWrite:
        """The job as it is posted. categories and ids: what the ATS calls them. ids: by externalId."""
        country = places.country_of(self.locations[0])
        pinned = {"location": self.locations, "expertise": self.expertise}
        return JobWrite(
            status="complete" if self.state == "complete" else "active",
            template_flag=self.state == "template",
            availability=Availability(
                available_internally=True,
                available_externally=self.state == "open externally",
                job_publish_dates=PublishDates(publish_date=datetime(2026, 1, 1 + self.number % 28, tzinfo=UTC)),
                application_close_dates=CloseDates(close_date=CLOSED_ON) if self.state == "closed" else None,
            ),
            external_id=f"SAMPLE-{self.number:04}",
            title=self.title,
            short_summary=f"{self.title} at {self.company}",
            company=self.company,
            country=country if country in COUNTRIES else None,
            categories=CategoriesActual(
                tuple(
                    CategoryActual(category=categories[kind], values=tuple(ids[value] for value in pinned[kind]))
                    for kind in KINDS
                    if pinned[kind]
                )
            ),
        )


@dataclass(frozen=True)
class Testimonial:
    """What somebody says on the career site. value: an externalId."""

    author: str
    text: str
    kind: Kind
    value: str


def sample_jobs() -> tuple[Job, ...]:
    """The jobs. Every place of the cast has five, one in each state; one more is at Takapuna and North Shore both."""
    chance = random.Random(SEED)
    everywhere = [external_id for external_id, _, _ in places.places()]
    titles = expertise.titles()
    pins: list[tuple[State, tuple[str, ...]]] = [(state, (place,)) for place in CAST for state in STATES]
    pins.append(("open externally", (places.TAKAPUNA, places.NORTH_SHORE)))
    while len(pins) < JOBS:
        pins.append((chance.choice(STATES[:4]), tuple(chance.sample(everywhere, chance.choice((1, 1, 1, 2))))))
    return tuple(
        _job(chance, titles, number, state, locations) for number, (state, locations) in enumerate(pins, start=1)
    )


def _job(
    chance: random.Random, titles: Mapping[str, str], number: int, state: State, locations: tuple[str, ...]
) -> Job:
    fields = tuple(chance.sample(sorted(titles), chance.choice((1, 1, 2))))
    seniority = chance.choice(("", "", "Senior ", "Lead ", "Graduate "))
    return Job(number, seniority + titles[fields[0]], chance.choice(COMPANIES), state, locations, fields)


def sample_testimonials() -> tuple[Testimonial, ...]:
    """The testimonials. Every place of the cast has three, and so has Data Sciences."""
    chance = random.Random(SEED)
    everywhere = [external_id for external_id, _, _ in places.places()]
    fields = sorted(expertise.titles())
    pins: list[tuple[Kind, str]] = [("location", place) for place in CAST for _ in range(3)]
    pins += [("expertise", expertise.DATA_SCIENCES)] * 3
    while len(pins) < TESTIMONIALS:
        kind = chance.choice(KINDS)
        pins.append((kind, chance.choice(everywhere if kind == "location" else fields)))
    return tuple(
        Testimonial(AUTHORS[index % len(AUTHORS)], chance.choice(TEXTS), kind, value)
        for index, (kind, value) in enumerate(pins)
    )
