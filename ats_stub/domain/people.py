"""What users and candidates have in common: a person."""

from catrelay.models import Person


def texts_of(person: Person | None) -> tuple[str | None, ...]:
    """What keywords are looked for in."""
    return () if person is None else (person.given_name, person.family_name, person.email)
