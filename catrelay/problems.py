"""Every condition that an answer can report, as one tree of exceptions.

    Problem
    ├── BadRequest 400
    │   ├── InvalidRequest            body or query is not what the resource takes; carries errors
    │   │   └── MalformedJson
    │   ├── LimitExceeded             tree depth, page size, batch size
    │   ├── ValueRuleBroken           a rule of POST .../values
    │   │   ├── NameRequired, NullNotAllowed, NestedValues
    │   │   ├── ExternalIdMismatch, ExternalIdTaken, ExternalIdImmutable
    │   │   ├── UnknownParent, ParentUnavailable, ParentHasLocation, Loop
    │   │   ├── UnavailableWithParent, ValueHasChildren
    │   │   ├── RemapWithoutInactivation, RemapToItself, UnknownRemapTarget, RemapTargetUnavailable,
    │   │   │   RemapAcrossCategories, RemapTargetNotSelectable
    │   │   └── LocationNotAllowed, InvalidLocation
    │   ├── ReferenceBroken           an object's reference to a value
    │   │   ├── UnknownCategory, UnknownValue, UnavailableValue
    │   │   └── CategoryRuleBroken
    │   ├── LoginTaken
    │   ├── UnknownUser, UnknownFile      what a body names besides values
    │   ├── UnsupportedFile
    │   ├── UploadMappingAmbiguous
    │   └── ForbiddenTarget           a ping target in a range that is not allowed
    ├── Unauthorized 401, Forbidden 403, NotFound 404, MethodNotAllowed 405, NotAcceptable 406, PreconditionFailed 412,
    │   PayloadTooLarge 413, UnsupportedMediaType 415, IdempotencyKeyReused 422
    ├── Conflict 409
    │   └── CategoryInUse, CategoryKeyTaken, CannotUndo, UploadIncomplete, UploadGuardTripped
    ├── JournalCompacted 410
    ├── TooManyRequests 429           from another service; ours do not answer it
    ├── InternalError 500
    └── Unavailable 503               the service, or one it needs, cannot serve now
        └── ServiceUnreachable        no answer at all, or one that is no problem document

A class has *status*, *type* (the last part of the stable URI) and *title*. An instance has *detail* (one sentence that
names what is wrong), *errors* (for bodies: where) and *members* (further data of the problem document).
Source: RFC 9457; docs/errors.md has one heading per type.
"""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

TYPE_PREFIX = "urn:catrelay:problem:"


@dataclass(frozen=True)
class FieldError:
    """What is wrong at *pointer* (RFC 6901) of a body, or in the query parameter that it names."""

    pointer: str
    detail: str


class Problem(Exception):
    """A condition that is answered as `application/problem+json`."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "problem"
    title: ClassVar[str] = "Problem"
    _by_type: ClassVar[dict[str, builtins.type["Problem"]]] = {}

    def __init_subclass__(cls) -> None:
        cls._by_type[cls.type] = cls

    def __init__(self, detail: str, /, *, errors: Sequence[FieldError] = (), **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.members = members

    def document(self, instance: str | None = None) -> dict[str, Any]:
        """The problem document. instance: the path of the request that met it."""
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if instance is not None:
            document["instance"] = instance
        if self.errors:
            document["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in self.errors]
        return document | self.members

    @classmethod
    def from_document(cls, document: Mapping[str, Any], *, status: int) -> "Problem":
        """The problem that *document*, answered with HTTP *status*, reports.

        A type that is not ours (another vendor's ATS) becomes the class that stands for the status.
        """
        name = str(document.get("type", "")).removeprefix(TYPE_PREFIX)
        kind = cls._by_type[name] if name in cls._by_type else of_status(status)
        errors = document.get("errors")
        known = {"type", "title", "status", "detail", "instance", "errors"}
        return kind(
            str(document.get("detail") or document.get("title") or f"answered {status}"),
            errors=[
                FieldError(str(error.get("pointer", "")), str(error.get("detail", "")))
                for error in (errors if isinstance(errors, list) else [])
                if isinstance(error, Mapping)
            ],
            **{str(name): member for name, member in document.items() if name not in known},
        )

    @classmethod
    def types(cls) -> Mapping[str, builtins.type["Problem"]]:
        """All problem types there are, by type."""
        return dict(sorted(cls._by_type.items()))


class BadRequest(Problem):
    status, type, title = 400, "bad-request", "The request is wrong"


class InvalidRequest(BadRequest):
    type, title = "invalid-request", "The request is not what this resource takes"


class MalformedJson(InvalidRequest):
    type, title = "malformed-json", "The body is not JSON"


class LimitExceeded(BadRequest):
    type, title = "limit-exceeded", "The request is above a bound"


class ValueRuleBroken(BadRequest):
    type, title = "value-rule-broken", "A rule of category values is broken"


class NameRequired(ValueRuleBroken):
    type, title = "name-required", "A name is needed"


class NullNotAllowed(ValueRuleBroken):
    type, title = "null-not-allowed", "This member cannot be cleared"


class NestedValues(ValueRuleBroken):
    type, title = "nested-values", "Values are written one node at a time"


class ExternalIdMismatch(ValueRuleBroken):
    type, title = "external-id-mismatch", "id and externalId name different values"


class ExternalIdTaken(ValueRuleBroken):
    type, title = "external-id-taken", "Another object has this externalId"


class ExternalIdImmutable(ValueRuleBroken):
    type, title = "external-id-immutable", "An externalId never changes"


class UnknownParent(ValueRuleBroken):
    type, title = "unknown-parent", "The parent does not exist in this category"


class ParentUnavailable(ValueRuleBroken):
    type, title = "parent-unavailable", "The parent is not available"


class ParentHasLocation(ValueRuleBroken):
    type, title = "parent-has-location", "A value with a location stays a leaf"


class Loop(ValueRuleBroken):
    type, title = "loop", "A value cannot stand below itself"


class UnavailableWithParent(ValueRuleBroken):
    type, title = "unavailable-with-parent", "An unavailable value has no parent"


class ValueHasChildren(ValueRuleBroken):
    type, title = "value-has-children", "The value has available children"


class RemapWithoutInactivation(ValueRuleBroken):
    type, title = "remap-without-inactivation", "A remap comes with making the value unavailable"


class RemapToItself(ValueRuleBroken):
    type, title = "remap-to-itself", "A value cannot be remapped to itself"


class UnknownRemapTarget(ValueRuleBroken):
    type, title = "unknown-remap-target", "The remap target does not exist"


class RemapTargetUnavailable(ValueRuleBroken):
    type, title = "remap-target-unavailable", "The remap target is not available"


class RemapAcrossCategories(ValueRuleBroken):
    type, title = "remap-across-categories", "The remap target is in another category"


class RemapTargetNotSelectable(ValueRuleBroken):
    type, title = "remap-target-not-selectable", "Objects could not select the remap target"


class LocationNotAllowed(ValueRuleBroken):
    type, title = "location-not-allowed", "Only a leaf of the LOCATION category has a location"


class InvalidLocation(ValueRuleBroken):
    type, title = "invalid-location", "A location needs lat and lng"


class ReferenceBroken(BadRequest):
    type, title = "reference-broken", "A reference to a value does not hold"


class UnknownCategory(ReferenceBroken):
    type, title = "unknown-category", "The category does not exist"


class UnknownValue(ReferenceBroken):
    type, title = "unknown-value", "The value does not exist in this category"


class UnavailableValue(ReferenceBroken):
    type, title = "unavailable-value", "The value is not available"


class CategoryRuleBroken(ReferenceBroken):
    type, title = "category-rule-broken", "A rule of the category is broken"


class LoginTaken(BadRequest):
    type, title = "login-taken", "Another user has this login"


class UnknownUser(BadRequest):
    type, title = "unknown-user", "The user does not exist, or is not active"


class UnknownFile(BadRequest):
    type, title = "unknown-file", "The object does not have this file"


class UnsupportedFile(BadRequest):
    type, title = "unsupported-file", "A file of this type is not taken"


class UploadMappingAmbiguous(BadRequest):
    type, title = "upload-mapping-ambiguous", "Two nodes of the upload name the same object"


class ForbiddenTarget(BadRequest):
    type, title = "forbidden-target", "Pings may not be sent there"


class Unauthorized(Problem):
    status, type, title = 401, "unauthorized", "A valid bearer token is needed"


class Forbidden(Problem):
    status, type, title = 403, "forbidden", "This token does not allow it"


class NotFound(Problem):
    status, type, title = 404, "not-found", "There is nothing here"


class MethodNotAllowed(Problem):
    status, type, title = 405, "method-not-allowed", "This resource does not take this method"


class NotAcceptable(Problem):
    status, type, title = 406, "not-acceptable", "There is no answer of a kind that the request accepts"


class Conflict(Problem):
    status, type, title = 409, "conflict", "The present state does not allow it"


class CategoryInUse(Conflict):
    type, title = "category-in-use", "Objects still use values of this category"


class CannotUndo(Conflict):
    type, title = "cannot-undo", "The entry cannot be taken back"


class CategoryKeyTaken(Conflict):
    type, title = "category-key-taken", "Another category has this key"


class UploadIncomplete(Conflict):
    type, title = "upload-incomplete", "Another upload of this collection is not complete"


class UploadGuardTripped(Conflict):
    type, title = "upload-guard-tripped", "The upload would inactivate more than allowed"


class JournalCompacted(Problem):
    """Entries after the cursor were dropped. members: firstSeq, the oldest entry still kept."""

    status, type, title = 410, "journal-compacted", "The journal no longer reaches back that far"


class PreconditionFailed(Problem):
    status, type, title = 412, "precondition-failed", "The state has moved on"


class IdempotencyKeyReused(Problem):
    status, type, title = 422, "idempotency-key-reused", "The key belongs to another request"


class PayloadTooLarge(Problem):
    status, type, title = 413, "payload-too-large", "The body is too large"


class UnsupportedMediaType(Problem):
    status, type, title = 415, "unsupported-media-type", "The body's media type is not understood"


class TooManyRequests(Problem):
    """Met by our client: the peer wants to be asked again later."""

    status, type, title = 429, "too-many-requests", "The service is asked too often"


class InternalError(Problem):
    type, title = "internal-error", "Something went wrong here"


class Unavailable(Problem):
    status, type, title = 503, "unavailable", "The service cannot serve now"


class ServiceUnreachable(Unavailable):
    """Met by our client: the peer gave no answer, or none that the contract knows. members: url."""

    type, title = "service-unreachable", "Another service gave no usable answer"


_OF_STATUS: dict[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    409: Conflict,
    410: JournalCompacted,
    412: PreconditionFailed,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
    429: TooManyRequests,
    503: Unavailable,
}


def of_status(status: int) -> type[Problem]:
    """The class that stands for HTTP *status* when nothing more is known."""
    if status >= 500:
        return _OF_STATUS.get(status, ServiceUnreachable)
    return _OF_STATUS.get(status, BadRequest)
