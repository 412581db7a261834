"""What a receiver's specification must fulfil beyond its types. Pure."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from shared.alerts.destinations import email_problem, url_problem
from shared.messages import problem, sentence
from shared.rpc.receivers import Channel, ReceiverSpec


def spec_problems(
    name: str, spec: ReceiverSpec, *, of_tenant: bool, is_new: bool, allow_private: bool
) -> Iterator[dict[str, Any]]:
    """The entries of an error's details; none for a usable specification."""
    is_email = spec.type is Channel.EMAIL
    if is_email:
        yield from _email_problems(spec)
    elif spec.recipients:
        yield problem("recipients", sentence("receiver-recipients", "belong to a receiver of type email only"))
    if not is_email and spec.url is None and is_new:
        yield problem("url", sentence("receiver-url-missing", "is needed for this type of receiver"))
    if spec.url is not None and not is_email:
        found = url_problem(spec.url, allow_private=allow_private)
        if found is not None:
            yield problem("url", found)
    if of_tenant and spec.tenants is not None:
        english = "belong to receivers of the mode; this one gets its own tenant's alerts"
        yield problem("tenants", sentence("receiver-tenants", english))
    if spec.escalation is not None and spec.escalation.receiver == name:
        yield problem("escalation.receiver", sentence("receiver-escalation-self", "must be another receiver"))
    if spec.quiet_hours is not None and spec.quiet_hours.start == spec.quiet_hours.end:
        english = "must differ from start; to send nothing at all, set enabled to false"
        yield problem("quiet_hours.end", sentence("receiver-quiet-empty", english))


def _email_problems(spec: ReceiverSpec) -> Iterator[dict[str, Any]]:
    if not spec.recipients:
        yield problem("recipients", sentence("receiver-recipients-missing", "need at least one e-mail address"))
    for index, address in enumerate(spec.recipients):
        found = email_problem(address)
        if found is not None:
            yield problem(f"recipients.{index}", found)
    for field, value in (("url", spec.url), ("authorization", spec.authorization)):
        if value is not None:
            yield problem(field, sentence("receiver-not-of-email", "doesn't belong to a receiver of type email"))


def destination(spec: ReceiverSpec, url: str | None) -> str:
    """What may be shown of where a receiver is: the host of its URL, or the domains of its recipients."""
    if spec.type is Channel.EMAIL:
        return ", ".join(sorted({each.rpartition("@")[2] for each in spec.recipients}))
    return urlsplit(url or "").netloc


def origin(url: str) -> tuple[str, str | None, int]:
    """The scheme, host and port of a URL: the server that gets what is sent to it."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
