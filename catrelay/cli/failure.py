"""How a command fails: one clear line on stderr, and the exit status."""

import os

from pydantic import ValidationError

from catrelay.problems import Problem
from catrelay.tokens import BadTenantName, SchemaMismatch, UnknownTenant

EXIT_FAILURE = 1


class Failure(Exception):
    """The command cannot do what it was asked to; the message is what its user is told."""


def explain(error: Exception) -> str:
    """What the user is told about *error*, on one line."""
    match error:
        case Problem():
            places = "".join(f"; {e.pointer or 'the body'} {e.detail}" for e in error.errors[1:])
            return _first_line(error.detail + places)
        case Failure() | UnknownTenant() | BadTenantName() | SchemaMismatch():
            return _first_line(str(error))
        case OSError(filename=str(file)):
            return f"{file}: {reason_of(error)}"
        case _ if isinstance(cause := getattr(error, "orig", None), Exception):
            # SQLAlchemy's: what the driver said, without the statement. Not imported for commands that use no database.
            return f"the database failed: {_first_line(str(cause))}"
        case _:
            return f"{type(error).__name__}: {_first_line(str(error))}"


def explain_invalid(error: ValidationError) -> str:
    """Which settings are missing or wrong, as options of the command line."""
    found = [
        f"--{str(part['loc'][0]).replace('_', '-')}: {part['msg'][:1].lower()}{part['msg'][1:]}"
        for part in error.errors(include_url=False, include_input=False)
    ]
    return "; ".join(found)


def reason_of(error: OSError) -> str:
    """What the system says, without what Python adds; getaddrinfo's errors have numbers of their own."""
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error.strerror)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "no reason was given"
