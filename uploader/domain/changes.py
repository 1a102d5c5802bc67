"""What a JSON Merge Patch would change on a value (RFC 7396): an absent member stays, null clears."""

from catrelay.models import CategoryValue, CategoryValueUpload, Change, Location

PLAIN_MEMBERS = ("name", "code", "sequence")


def member_changes(value: CategoryValueUpload, target: CategoryValue) -> dict[str, Change]:
    """The members that *value* gives and *target* has otherwise, by their names on the wire; 1 equals 1.0."""
    changes = {
        member: Change(from_=getattr(target, member), to=getattr(value, member))
        for member in PLAIN_MEMBERS
        if member in value.model_fields_set and getattr(value, member) != getattr(target, member)
    }
    if value.external_id is not None and target.external_id is None:
        changes["externalId"] = Change(to=value.external_id)
    if "location" in value.model_fields_set:
        before, after = location_members(target.location), merged_location(value.location, target.location)
        if before != after:
            changes["location"] = Change(from_=before or None, to=after or None)
    return changes


def merged_location(patch: Location | None, present: Location | None) -> dict[str, object]:
    """The members of the location as it stands once *patch* is merged in; none when it is cleared."""
    if patch is None:
        return {}
    given = {name: getattr(patch, name) for name in patch.model_fields_set}
    merged = location_members(present) | given
    return {name: member for name, member in merged.items() if member is not None}


def location_members(location: Location | None) -> dict[str, object]:
    """The members that are set."""
    return {} if location is None else {name: member for name, member in location if member is not None}
