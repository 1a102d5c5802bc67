"""The demo's own record of what is pinned where, kept from its data and the document alone. Pure.

It asks no app, so it can tell whether the apps are right.
"""

from collections.abc import Iterable, Mapping

Pins = Mapping[int, tuple[int, ...]]
"""An object's values, ascending, by category; a category without values does not occur."""


class Books:
    """Where jobs (any number of values) and testimonials (one value, or none any more) are."""

    def __init__(self, jobs: Mapping[int, Pins], testimonials: Mapping[int, int | None]) -> None:
        self.jobs = dict(jobs)
        self.testimonials = dict(testimonials)

    def remap(self, value: int, to: int) -> None:
        """Everything at *value* goes to *to*; what is there already is there once."""
        self._change(value, to)

    def inactivate(self, value: int) -> None:
        """Everything at *value* loses it."""
        self._change(value, None)

    def jobs_at(self, *values: int) -> frozenset[int]:
        """The jobs that are at any of *values*."""
        wanted = set(values)
        return frozenset(job for job, pins in self.jobs.items() if wanted & {v for each in pins.values() for v in each})

    def testimonials_at(self, *values: int) -> frozenset[int]:
        """The testimonials that are at any of *values*."""
        return frozenset(each for each, value in self.testimonials.items() if value in values)

    def _change(self, value: int, to: int | None) -> None:
        for job in self.jobs_at(value):
            self.jobs[job] = pins_of(
                (category, [to if each == value else each for each in values])
                for category, values in self.jobs[job].items()
            )
        for testimonial in self.testimonials_at(value):
            self.testimonials[testimonial] = to


def pins_of(categories: Iterable[tuple[int, Iterable[int | None]]]) -> Pins:
    """Values by category in the form that compares: each once, ascending, without None."""
    pins = ((category, tuple(sorted({v for v in values if v is not None}))) for category, values in categories)
    return {category: values for category, values in pins if values}
