"""How an upload that does not come through ends. Source: docs/contract/, "Uploads"."""

from datetime import datetime, timedelta

from catrelay.problems import Problem


def is_given_up(stuck_since: datetime, now: datetime, *, patience: timedelta) -> bool:
    """Whether an upload that nothing brought forward since *stuck_since* has been tried for long enough."""
    return now - stuck_since >= patience


def with_changes(problem: Problem, changes: tuple[int, int] | None) -> Problem:
    """*problem*, which says too how many of how many changes are known to be made; None: there is no plan."""
    if changes is None:
        return problem
    made, planned = changes
    members = problem.members | {"changesMade": made, "changesPlanned": planned}
    detail = f"{problem.detail} ({made} of {planned} changes are known to be made)"
    return type(problem)(detail, errors=problem.errors, **members)
