"""Passes the alerts of Alertmanager to the monitor, which owns alerts, incidents and recoveries.

An error makes Alertmanager send them again, so nothing is kept here: the monitor records each alert once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.gateway.access.visibility import visible_tenants
from services.gateway.alert_intake.schemas import (
    AlertmanagerAlert,
    AlertmanagerPayload,
    AlertsProcessed,
    IgnoredAlertAnswer,
)
from services.gateway.http import request_context
from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext, ModeContexts
from shared.messages import sentence
from shared.rpc import IgnoredAlert, OutsideAlert, ReceiveAlertsReply, ReceiveAlertsRequest
from shared.subjects import Mode

SOURCE = "alertmanager"
_MODE = "mode"
_MODES = {mode.value: mode for mode in Mode}
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Go's zero time, in the year 1, stands for none."""
_LONGEST_SUMMARY = 1000
_LONGEST_LABEL = 1000
_LONGEST_ADDRESS = 2000


class AlertIntakeCommands:
    """The intake. Raises DependencyUnavailable while the monitor is away."""

    def __init__(self, modes: ModeContexts, default: ModeContext) -> None:
        """`default` is the context of alerts whose labels name no mode."""
        self._modes = modes
        self._default = default

    async def receive(self, payload: AlertmanagerPayload) -> AlertsProcessed:
        """Have the alerts of a group recorded, those of tenants that the caller may see."""
        answer = AlertsProcessed(recorded=0, repeated=0, ignored=[], recoveries=[])
        for mode, places in self._by_mode(payload).items():
            reply = (
                await self._ask(self._modes[mode], [payload.alerts[place] for place in places])
                if self._may_act_in(mode)
                else _of_another_mode(mode, self._default.mode, len(places))
            )
            answer = _sum(answer, reply, places)
        return answer

    def _may_act_in(self, mode: Mode) -> bool:
        """The tenants of a bound caller are those of the request's mode."""
        return mode is self._default.mode or request_context.current().caller.tenants is None

    def _by_mode(self, payload: AlertmanagerPayload) -> dict[Mode, list[int]]:
        """The places of the alerts of each mode. The request's own header has precedence over labels."""
        is_given = request_context.current().mode_is_given
        found: dict[Mode, list[int]] = {}
        for place, alert in enumerate(payload.alerts):
            named = _MODES.get(alert.labels.get(_MODE, ""))
            mode = self._default.mode if is_given or named is None else named
            found.setdefault(mode, []).append(place)
        return found

    async def _ask(self, context: ModeContext, alerts: Sequence[AlertmanagerAlert]) -> ReceiveAlertsReply:
        visible = visible_tenants()
        request = ReceiveAlertsRequest(
            source=SOURCE,
            alerts=tuple(map(_alert, alerts)),
            tenants=None if visible is None else tuple(visible),
        )
        return await context.workers.receive_alerts(request)


def _of_another_mode(mode: Mode, own: Mode, number: int) -> ReceiveAlertsReply:
    why = sentence(
        "alert-of-another-mode",
        "it is of {mode} mode, and what you may see counts in {own} mode; send it with the header X-Demo-Mode",
        mode=mode.value,
        own=own.value,
    )
    ignored = tuple(
        IgnoredAlert(index=index, reason=why.english, reason_messages=(why.message,)) for index in range(number)
    )
    return ReceiveAlertsReply(recorded=0, repeated=0, ignored=ignored)


def _sum(answer: AlertsProcessed, reply: ReceiveAlertsReply, places: Sequence[int]) -> AlertsProcessed:
    """`answer` with the reply about the alerts at `places`."""
    texts = translator()
    ignored = [
        IgnoredAlertAnswer(index=places[each.index], reason=texts.text(each.reason, *each.reason_messages))
        for each in reply.ignored
    ]
    return AlertsProcessed(
        recorded=answer.recorded + reply.recorded,
        repeated=answer.repeated + reply.repeated,
        ignored=sorted([*answer.ignored, *ignored], key=lambda each: each.index),
        recoveries=[*answer.recoveries, *reply.recoveries],
    )


def _alert(alert: AlertmanagerAlert) -> OutsideAlert:
    summary = alert.annotations.get("summary") or alert.annotations.get("description") or ""
    ended = alert.ends_at if alert.ends_at is not None and alert.ends_at > _NEVER else None
    return OutsideAlert(
        status=alert.status,
        labels={name: value[:_LONGEST_LABEL] for name, value in alert.labels.items()},
        summary=summary[:_LONGEST_SUMMARY],
        starts_at=alert.starts_at,
        ends_at=ended,
        runbook=_runbook(alert.annotations.get("runbook_url", "")),
    )


def _runbook(address: str) -> str | None:
    """The address, if it is one of a page: it becomes a link."""
    is_page = address.startswith(("http://", "https://")) and address.isascii() and address.isprintable()
    return address if is_page and len(address) <= _LONGEST_ADDRESS else None
