"""What can be done to subscriptions. A token of scope admin reaches all of its tenant's, any other its own app's."""

from ats_stub.store import Unit, WriteUnit
from catrelay.models import Subscription, SubscriptionCreate, SubscriptionUpdate
from catrelay.problems import Conflict, FieldError, InvalidRequest, NotFound
from catrelay.signing import new_secret
from catrelay.targets import Targets
from catrelay.tokens import Access


def subscribe(unit: WriteUnit, access: Access, wanted: SubscriptionCreate) -> Subscription:
    """Make a subscription that starts at the present, its URL checked before. The answer alone has its secret."""
    signing_secret = new_secret()
    new_id = unit.new_id()
    unit.subscriptions.insert(new_id, wanted, app=access.app, signing_secret=signing_secret, now=unit.now)
    return subscription_of(unit, access, new_id).model_copy(update={"secret": signing_secret})


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
    present = subscription_of(unit, access, subscription_id)
    unit.check_match(present)
    unit.subscriptions.update(
        present.id,
        url=patch.url or present.url,
        topics=patch.topics or present.topics,
        batch=present.batch if patch.batch is None else patch.batch,
    )
    if present.state in ("active", "backing-off") and patch.url not in (None, present.url):
        unit.subscriptions.try_at_once(present.id, now=unit.now)
    return subscription_of(unit, access, subscription_id)


def resume(unit: WriteUnit, access: Access, subscription_id: int) -> Subscription:
    """Try again at once. Raises Conflict for a subscription that ended: its backlog is no longer kept."""
    if subscription_of(unit, access, subscription_id).state == "ended":
        raise Conflict(f"Subscription {subscription_id} was ended by its subscriber: make a new one")
    unit.subscriptions.try_at_once(subscription_id, now=unit.now)
    return subscription_of(unit, access, subscription_id)


def set_applied(unit: WriteUnit, access: Access, subscription_id: int, seq: int) -> Subscription:
    """Note how far the subscriber says it has applied the journal."""
    subscription_of(unit, access, subscription_id)
    unit.subscriptions.set_applied(subscription_id, seq=seq, now=unit.now)
    return subscription_of(unit, access, subscription_id)


def unsubscribe(unit: WriteUnit, access: Access, subscription_id: int) -> None:
    """Remove a subscription."""
    unit.check_match(subscription_of(unit, access, subscription_id))
    unit.subscriptions.delete(subscription_id)


def subscription_of(unit: Unit, access: Access, subscription_id: int) -> Subscription:
    """The subscription, if *access* reaches it. Raises NotFound."""
    found = unit.subscriptions.get(subscription_id, app=reach(access))
    if found is None:
        raise NotFound(f"There is no subscription {subscription_id}")
    return found


def reach(access: Access) -> str | None:
    """The app whose subscriptions *access* reaches; None: all of its tenant's."""
    return None if access.allows("admin") else access.app
