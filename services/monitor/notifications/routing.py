"""Which receivers are told of an alert that fires.

Those of the mode and of the tenant whose specification fits, and those that the alert's rule names in its `actions`. An
action's URL that a receiver of the tenant has already is that receiver, with its grouping and its quiet hours.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from services.monitor.alerts.transition import Transition
from services.monitor.notifications.receiver_rows import StoredReceiver
from shared.alerts.rule import EmailAction, ReceiverAction, WebhookAction
from shared.rpc.receivers import Channel, ReceiverSpec

_PREFIX = "rule-"


class ActionReceiver(NamedTuple):
    """A receiver that a rule's action needs, and that isn't there."""

    tenant_id: str
    name: str
    spec: ReceiverSpec


def serves(receiver: StoredReceiver, tenant_id: str) -> bool:
    """Whether alerts of the tenant may go to the receiver: its own, or one of the mode that isn't for others only."""
    if receiver.tenant_id is not None:
        return receiver.tenant_id == tenant_id
    return receiver.spec.tenants is None or tenant_id in receiver.spec.tenants


def fits(receiver: StoredReceiver, transition: Transition) -> bool:
    """Whether the receiver's own routes lead the alert to it."""
    spec = receiver.spec
    is_routed = receiver.origin != "rule" and spec.enabled and transition.severity in spec.severities
    return is_routed and serves(receiver, transition.tenant_id)


def routed(receivers: Sequence[StoredReceiver], transition: Transition) -> list[StoredReceiver]:
    """The receivers of an alert, each once."""
    found = {each.receiver_id: each for each in receivers if fits(each, transition)}
    for action in transition.actions:
        named = action_receiver(receivers, transition.tenant_id, action)
        if named is not None and named.spec.enabled:
            found[named.receiver_id] = named
    return list(found.values())


def missing_receivers(
    receivers: Sequence[StoredReceiver], transitions: Iterable[Transition], group_seconds: float
) -> Iterator[ActionReceiver]:
    """Those that the actions of `transitions` need, each once."""
    seen = set()
    for transition in transitions:
        for action in transition.actions:
            if isinstance(action, ReceiverAction) or action_receiver(receivers, transition.tenant_id, action):
                continue
            name = action_name(action)
            if (transition.tenant_id, name) not in seen:
                seen.add((transition.tenant_id, name))
                yield ActionReceiver(transition.tenant_id, name, _spec(action, group_seconds))


def action_receiver(
    receivers: Iterable[StoredReceiver], tenant_id: str, action: WebhookAction | EmailAction | ReceiverAction
) -> StoredReceiver | None:
    """The receiver that an action means: by name the tenant's or else the mode's, by URL one of the tenant's."""
    own = [each for each in receivers if each.tenant_id == tenant_id]
    if isinstance(action, ReceiverAction):
        shared = [each for each in receivers if each.tenant_id is None and serves(each, tenant_id)]
        return next((each for each in (*own, *shared) if each.name == action.name), None)
    if isinstance(action, WebhookAction):
        for each in own:
            if each.origin == "api" and each.spec.type is Channel.WEBHOOK and each.url == action.url:
                return each
    name = action_name(action)
    return next((each for each in own if each.name == name), None)


def action_name(action: WebhookAction | EmailAction) -> str:
    """`rule-` and a digest of the destination: the same action of several rules is one receiver."""
    place = action.url if isinstance(action, WebhookAction) else ",".join(sorted(action.recipients))
    return _PREFIX + hashlib.blake2b(f"{action.type} {place}".encode(), digest_size=6).hexdigest()


def _spec(action: WebhookAction | EmailAction, group_seconds: float) -> ReceiverSpec:
    if isinstance(action, WebhookAction):
        return ReceiverSpec(
            type=Channel.WEBHOOK, url=action.url, method=action.method, group_seconds=group_seconds, repeat_minutes=0
        )
    return ReceiverSpec(type=Channel.EMAIL, recipients=action.recipients, group_seconds=group_seconds, repeat_minutes=0)
