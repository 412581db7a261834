"""One attempt to deliver a notification by its channel."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import structlog

from services.monitor.notifications.channels.alertmanager import alertmanager_call
from services.monitor.notifications.channels.http_call import HttpCall, Target
from services.monitor.notifications.channels.slack import slack_call
from services.monitor.notifications.channels.webhook import webhook_call
from services.monitor.notifications.delivery_rules import Failure
from services.monitor.notifications.outbox_store import Waiting
from services.monitor.notifications.smtp import Smtp
from shared.rpc.receivers import Channel

Deliver = Callable[[Waiting, datetime], Awaitable[Failure | None]]
"""Delivers; why it failed, or None."""

_CALLS = {Channel.WEBHOOK: webhook_call, Channel.SLACK: slack_call, Channel.ALERTMANAGER: alertmanager_call}
_log = structlog.get_logger(__name__)


class Http(Protocol):
    """Sends a call to a receiver."""

    async def send(self, call: HttpCall) -> Failure | None:
        """Why it failed, or None."""


class Delivery:
    """The channels."""

    def __init__(self, http: Http, smtp: Smtp) -> None:
        self._http = http
        self._smtp = smtp

    async def deliver(self, waiting: Waiting, now: datetime) -> Failure | None:
        """Send a notification at `now`; why it failed, or None.

        A notification of which no message can be made is a failure like a refusal of its content: an error here would
        give the receiver another turn at once, for ever.
        """
        try:
            return await self._send(waiting, now)
        except Exception as error:
            notification_id = waiting.content.notification_id
            _log.exception(
                "A notification can't be sent.", action="notification-unsendable", notification_id=notification_id
            )
            return Failure(f"it can't be sent ({type(error).__name__})", concerns_content=True)

    async def _send(self, waiting: Waiting, now: datetime) -> Failure | None:
        spec = waiting.spec
        if spec.type is Channel.EMAIL:
            return await self._smtp.send(waiting.content, spec.recipients, spec.language)
        return await self._http.send(_CALLS[spec.type](waiting.content, Target(spec, waiting.secrets, now)))
