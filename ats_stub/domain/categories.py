"""What a write to a category means."""

from ats_stub.domain.names import is_blank
from catrelay.models import Category, CategoryWrite, Rules, RulesWrite
from catrelay.problems import FieldError, InvalidRequest, NameRequired, NullNotAllowed

DEFAULT_RULES = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False)


def created(write: CategoryWrite, *, new_id: int) -> Category:
    """The category that *write* makes. Rules that are not given: optional, many, any node."""
    _check(write)
    if write.name is None:
        raise NameRequired("A new category needs a name", errors=[FieldError("/name", "is missing")])
    return Category(
        id=new_id,
        key=write.key,
        name=write.name,
        code=write.code,
        job_rules=_merged(DEFAULT_RULES, write.job_rules, "jobRules"),
        candidate_rules=_merged(DEFAULT_RULES, write.candidate_rules, "candidateRules"),
    )


def updated(present: Category, write: CategoryWrite) -> Category:
    """*present* with the JSON Merge Patch *write* applied."""
    _check(write)
    given = write.model_fields_set
    if "key" in given and write.key != present.key:
        raise InvalidRequest(
            "A category's key is given when it is made", errors=[FieldError("/key", "cannot be changed")]
        )
    return Category(
        id=present.id,
        key=present.key,
        name=present.name if write.name is None else write.name,
        code=write.code if "code" in given else present.code,
        job_rules=_merged(present.job_rules, write.job_rules, "jobRules"),
        candidate_rules=_merged(present.candidate_rules, write.candidate_rules, "candidateRules"),
    )


def _check(write: CategoryWrite) -> None:
    for member, alias in (("name", "name"), ("job_rules", "jobRules"), ("candidate_rules", "candidateRules")):
        if member in write.model_fields_set and getattr(write, member) is None:
            raise NullNotAllowed(f"{alias} cannot be null", errors=[FieldError(f"/{alias}", "cannot be null")])
    if write.name is not None and is_blank(write.name):
        raise NameRequired("A category's name cannot be blank", errors=[FieldError("/name", "is blank")])


def _merged(present: Rules, patch: RulesWrite | None, member: str) -> Rules:
    if patch is None:
        return present
    given = {name: getattr(patch, name) for name in patch.model_fields_set}
    for name in sorted(given.keys() - {"message"}):
        if given[name] is None:
            pointer = f"/{member}/{RulesWrite.model_fields[name].alias}"
            raise NullNotAllowed(f"{pointer} cannot be null", errors=[FieldError(pointer, "cannot be null")])
    return present.model_copy(update=given)
