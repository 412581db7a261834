"""A call to a receiver, and what is known of the receiver when it is made. Pure."""

from datetime import datetime
from typing import NamedTuple

from shared.rpc.receivers import ReceiverSpec


class Secrets(NamedTuple):
    """A receiver's secrets. Not shown by `repr`, so that no log has them."""

    url: str | None
    authorization: str | None
    signing: str | None
    previous: str | None
    """The signing secret before a rotation, while it signs too."""

    def __repr__(self) -> str:
        return "Secrets(...)"


class Target(NamedTuple):
    """Where a notification goes."""

    spec: ReceiverSpec
    secrets: Secrets
    now: datetime


class HttpCall(NamedTuple):
    """What to send. Not shown by `repr`: the address and the headers may have secrets."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return "HttpCall(...)"


def json_headers(secrets: Secrets) -> dict[str, str]:
    """The headers of every call."""
    headers = {"content-type": "application/json", "user-agent": "ecp-orchestrator"}
    if secrets.authorization is not None:
        headers["authorization"] = secrets.authorization
    return headers
