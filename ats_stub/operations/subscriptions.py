"""What can be done to subscriptions. A token of scope admin reaches all of its tenant's, any other its own app's."""

from datetime import datetime

from ats_stub.store import Store, Unit
from catrelay.models import Subscription, SubscriptionCreate, SubscriptionUpdate
from catrelay.problems import Conflict, FieldError, InvalidRequest, NotFound
from catrelay.signing import new_secret
from catrelay.targets import Targets
from catrelay.tokens import Access


def subscribe(
    store: Store, access: Access, wanted: SubscriptionCreate, targets: Targets, *, now: datetime
) -> Subscription:
    """Make a subscription that starts at the present. The answer alone has its secret.

    Raises InvalidRequest for a URL that cannot be sent to, ForbiddenTarget for one that may not.
    """
    targets.check_url(wanted.url)
    signing_secret = new_secret()
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        new_id = unit.new_id()
        unit.subscriptions.insert(new_id, wanted, app=access.app, signing_secret=signing_secret, now=now)
        made = subscription_of(unit, access, new_id)
    return made.model_copy(update={"secret": signing_secret})


def update_subscription(
    store: Store, access: Access, subscription_id: int, patch: SubscriptionUpdate, targets: Targets, *, now: datetime
) -> Subscription:
    """Apply a merge patch to a subscription. Whatever failed is tried at once at another URL."""
    for member in sorted(patch.model_fields_set):
        if getattr(patch, member) is None:
            raise InvalidRequest(f"{member} cannot be null", errors=[FieldError(f"/{member}", "cannot be null")])
    if patch.url is not None:
        targets.check_url(patch.url)
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        present = subscription_of(unit, access, subscription_id)
        unit.subscriptions.update(
            present.id,
            url=patch.url or present.url,
            topics=patch.topics or present.topics,
            batch=present.batch if patch.batch is None else patch.batch,
        )
        if present.state in ("active", "backing-off") and patch.url not in (None, present.url):
            unit.subscriptions.try_at_once(present.id, now=now)
        return subscription_of(unit, access, subscription_id)


def resume(store: Store, access: Access, subscription_id: int, *, now: datetime) -> Subscription:
    """Try again at once. Raises Conflict for a subscription that ended: its backlog is no longer kept."""
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        if subscription_of(unit, access, subscription_id).state == "ended":
            raise Conflict(f"Subscription {subscription_id} was ended by its subscriber: make a new one")
        unit.subscriptions.try_at_once(subscription_id, now=now)
        return subscription_of(unit, access, subscription_id)


def set_applied(store: Store, access: Access, subscription_id: int, seq: int, *, now: datetime) -> Subscription:
    """Note how far the subscriber says it has applied the journal."""
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        subscription_of(unit, access, subscription_id)
        unit.subscriptions.set_applied(subscription_id, seq=seq, now=now)
        return subscription_of(unit, access, subscription_id)


def unsubscribe(store: Store, access: Access, subscription_id: int, *, now: datetime) -> None:
    """Remove a subscription."""
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        subscription_of(unit, access, subscription_id)
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
