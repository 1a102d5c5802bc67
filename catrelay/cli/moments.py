"""Moments, as given on the command line."""

from datetime import UTC, datetime, timedelta

import typer
from pydantic import TypeAdapter, ValidationError

from catrelay.models import Moment

MAX_DAYS = 36_500

_moment: TypeAdapter[datetime] = TypeAdapter(Moment)


def moment(text: str) -> datetime:
    """The moment that *text* names, in UTC: the parser of an option. Raises BadParameter for what is not RFC 3339."""
    try:
        return _moment.validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(
            f"{text!r} is not a date and time of RFC 3339, such as 2027-01-31T00:00:00Z"
        ) from error


def expiry(days: int | None, at: datetime | None) -> datetime | None:
    """When what is made now expires, from `--expires-days` and `--expires`; None: never. Raises BadParameter."""
    now = datetime.now(UTC)
    if days is not None and at is not None:
        raise typer.BadParameter("--expires and --expires-days: give one of them")
    if at is not None and at <= now:
        raise typer.BadParameter(f"--expires: {at.isoformat()} is past")
    return at if days is None else now + timedelta(days=days)
