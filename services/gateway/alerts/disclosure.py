"""What is shown of where a rule's actions send: to an address with a token in it, anyone who reads it can send, too.

As of receivers, only the host or the domain is told to those who can't change the rule, and to the audit trail.
"""

from urllib.parse import urlsplit

from shared.alerts.rule import Action, AlertRule, EmailAction, WebhookAction

_HIDDEN = "***"


def without_destinations(rule: AlertRule) -> AlertRule:
    """The rule with the host of each address and the domain of each recipient alone."""
    return rule.model_copy(update={"actions": tuple(_without_destination(each) for each in rule.actions)})


def _without_destination(action: Action) -> Action:
    if isinstance(action, WebhookAction):
        return action.model_copy(update={"url": _host_of(action.url)})
    if isinstance(action, EmailAction):
        domains = (each.rpartition("@")[2] for each in action.recipients)
        return action.model_copy(update={"recipients": tuple(f"{_HIDDEN}@{domain}" for domain in domains)})
    return action


def _host_of(url: str) -> str:
    """`https://hooks.example.com/***`: the monitor refuses a URL without a host after this has been recorded."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return _HIDDEN
    return f"{parts.scheme}://{host}/{_HIDDEN}" if host else _HIDDEN
