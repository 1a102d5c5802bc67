"""What can be done to subscriptions. A token of scope admin reaches all of its tenant's, any other its own app's."""

from datetime import datetime, timedelta

from ats_stub.store import Unit, WriteUnit
from catrelay.models import Subscription, SubscriptionCreate, SubscriptionUpdate, Topic, Wire
from catrelay.problems import Conflict, FieldError, InvalidRequest, NotFound
from catrelay.signing import new_secret
from catrelay.targets import Targets
from catrelay.tokens import Access


class Decided(Wire):
    """What people decided about a subscription. All else of it moves by itself, and counts for no If-Match."""

    url: str
    topics: tuple[Topic, ...]
    batch: bool
    paused: bool


def decided(subscription: Subscription) -> Decided:
    """What people decided about *subscription*."""
    return Decided(
        url=subscription.url, topics=subscription.topics, batch=subscription.batch, paused=subscription.paused
    )


def subscribe(unit: WriteUnit, access: Access, wanted: SubscriptionCreate) -> Subscription:
    """Make a subscription that starts at the present, its URL checked before."""
    new_id = unit.new_id()
    unit.subscriptions.insert(new_id, wanted, app=access.app, signing_secret=new_secret(), now=unit.now)
    return _present(unit, access, new_id)


def check_update(patch: SubscriptionUpdate, targets: Targets) -> None:
    """Raise InvalidRequest or ForbiddenTarget for what no subscription can become."""
    for member in sorted(patch.model_fields_set):
        if getattr(patch, member) is None:
            raise InvalidRequest(f"{member} cannot be null", errors=[FieldError(f"/{member}", "cannot be null")])
    if patch.url is not None:
        targets.check_url(patch.url)


def update_subscription(
    unit: WriteUnit, access: Access, subscription_id: int, patch: SubscriptionUpdate
) -> Subscription:
    """Apply a merge patch, checked before, to a subscription. Whatever failed is tried at once at another URL."""
    present = _present(unit, access, subscription_id)
    unit.check_match(decided(present))
    wanted = decided(present).model_copy(update={name: getattr(patch, name) for name in patch.model_fields_set})
    if wanted == decided(present):
        return present
    unit.subscriptions.update(present.id, url=wanted.url, topics=wanted.topics, batch=wanted.batch)
    if present.state in ("active", "backing-off") and wanted.url != present.url:
        unit.subscriptions.try_at_once(present.id, now=unit.now)
    return _present(unit, access, subscription_id)


def pause(unit: WriteUnit, access: Access, subscription_id: int) -> Subscription:
    """Send nothing until it is resumed. Raises Conflict for a subscription that ended."""
    _check_not_ended(_present(unit, access, subscription_id))
    unit.subscriptions.pause(subscription_id)
    return _present(unit, access, subscription_id)


def resume(unit: WriteUnit, access: Access, subscription_id: int) -> Subscription:
    """Try again at once. Raises Conflict for a subscription that ended: its backlog is no longer kept."""
    _check_not_ended(_present(unit, access, subscription_id))
    unit.subscriptions.try_at_once(subscription_id, now=unit.now)
    return _present(unit, access, subscription_id)


def replay(unit: WriteUnit, access: Access, subscription_id: int, since: int) -> Subscription:
    """Send what came after *since*, a place in the change log, once more; one that is suspended stays so.

    Raises Conflict for a subscription that ended, InvalidRequest for a place that it has not reached.
    """
    present = _present(unit, access, subscription_id)
    _check_not_ended(present)
    if since > present.cursor:
        raise InvalidRequest(
            f"Subscription {subscription_id} is at {present.cursor}: what lies between would be lost",
            errors=[FieldError("/sinceCursor", f"is above its present cursor, {present.cursor}")],
        )
    unit.subscriptions.replay(subscription_id, cursor=since, now=unit.now)
    return _present(unit, access, subscription_id)


def rotate_secret(unit: WriteUnit, access: Access, subscription_id: int, keep: timedelta) -> Subscription:
    """Sign with a new secret, for *keep* with the one before as well; one that is older still is dropped."""
    _present(unit, access, subscription_id)
    old_until = unit.now + keep if keep else None
    unit.subscriptions.rotate_secret(subscription_id, new_secret(), old_until=old_until)
    return _present(unit, access, subscription_id)


def set_applied(unit: WriteUnit, access: Access, subscription_id: int, seq: int) -> Subscription:
    """Note how far the subscriber says it has applied the journal."""
    _present(unit, access, subscription_id)
    unit.subscriptions.set_applied(subscription_id, seq=seq, now=unit.now)
    return _present(unit, access, subscription_id)


def unsubscribe(unit: WriteUnit, access: Access, subscription_id: int) -> None:
    """Remove a subscription."""
    unit.check_match(decided(_present(unit, access, subscription_id)))
    unit.subscriptions.delete(subscription_id)


def subscription_of(unit: Unit, access: Access, subscription_id: int, *, now: datetime) -> Subscription:
    """The subscription as it stands *now*, without its secret, if *access* reaches it. Raises NotFound."""
    found = unit.subscriptions.get(subscription_id, app=reach(access), now=now)
    if found is None:
        raise NotFound(f"There is no subscription {subscription_id}")
    return found


def reach(access: Access) -> str | None:
    """The app whose subscriptions *access* reaches; None: all of its tenant's."""
    return None if access.allows("admin") else access.app


def _present(unit: WriteUnit, access: Access, subscription_id: int) -> Subscription:
    return subscription_of(unit, access, subscription_id, now=unit.now)


def _check_not_ended(subscription: Subscription) -> None:
    if subscription.state == "ended":
        raise Conflict(f"Subscription {subscription.id} was ended by its subscriber: make a new one")
