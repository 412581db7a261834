"""What a recovery does next. Pure: times are arguments, so that a monitor that starts again goes on where it was.

    restart ──accepted──▶ watch ──up──▶ recovered
       ▲                    │
       └──────── down ──────┤ while the tenant's budget of restarts lasts
                            └──▶ escalated ──up──▶ recovered

A recovery ends as `closed` if there is nothing to recover any more: the tenant was stopped or deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.messages import Sentence, sentence


class Stage(StrEnum):
    """Where a recovery is."""

    RESTART = "restart"
    """A restart is due, which hasn't been accepted yet."""
    WATCH = "watch"
    """It was restarted, and is looked at again at `due_at`."""
    ESCALATED = "escalated"
    """Restarts didn't help or weren't possible: people must act. It is still looked at."""
    RECOVERED = "recovered"
    CLOSED = "closed"


OPEN = frozenset({Stage.RESTART, Stage.WATCH, Stage.ESCALATED})


class Health(StrEnum):
    """A tenant at a look."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    """Nothing has measured it lately."""
    ENDED = "ended"
    """It was stopped or deleted."""


class Refusal(StrEnum):
    """Why the gateway didn't accept a restart."""

    BUSY = "busy"
    """Another operation of the tenant is in progress."""
    ENDED = "ended"
    """The tenant is stopped, being deleted or gone."""
    IMPOSSIBLE = "impossible"
    """Nothing that could be restarted runs."""


@dataclass(frozen=True, slots=True)
class RecoveryRules:
    """How patient a recovery is."""

    attempts: int
    """Restarts of a tenant within `window`; 0 never restarts."""
    window: timedelta
    look_after: timedelta
    """From a restart to the look at what it brought."""
    look_again: timedelta
    """To the next look at a tenant that nothing measures."""
    looks: int = 10
    """Looks of one recovery before it is escalated, whatever they find."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The state of one recovery. `restarts` are the times at which a restart was accepted."""

    stage: Stage
    due_at: datetime
    """When the next step is due; of a restart, since when it is wanted."""
    restarts: tuple[datetime, ...] = ()
    looks: int = 0
    asked_at: datetime | None = None
    """When the pending restart was first requested; None before its turn."""
    reason: Sentence | None = None
    """Why it was escalated or closed."""

    @property
    def attempt(self) -> int:
        """The number of the pending restart, from 1."""
        return len(self.restarts) + 1


def opened(at: datetime, earlier: Sequence[datetime], rules: RecoveryRules) -> Recovery:
    """A new recovery. `earlier` are the restarts of the tenant's other recoveries."""
    return _restart_or_escalate(Recovery(Stage.RESTART, at), at, earlier, rules)


def asked(recovery: Recovery, at: datetime) -> Recovery:
    """Its turn has come: the gateway is asked for the restart."""
    return recovery if recovery.asked_at else replace(recovery, asked_at=at)


def accepted(recovery: Recovery, at: datetime, rules: RecoveryRules) -> Recovery:
    """The gateway has accepted the restart."""
    return replace(
        recovery, stage=Stage.WATCH, due_at=at + rules.look_after, restarts=(*recovery.restarts, at), asked_at=None
    )


def refused(recovery: Recovery, refusal: Refusal, why: Sentence, at: datetime, rules: RecoveryRules) -> Recovery:
    """The gateway has refused the restart. `why` is the reason for people."""
    if refusal is Refusal.BUSY:
        # What is in progress may help as a restart would, and costs no attempt.
        return replace(recovery, stage=Stage.WATCH, due_at=at + rules.look_after, asked_at=None)
    if refusal is Refusal.ENDED:
        return _ended(recovery, Stage.CLOSED, why)
    return _escalated(recovery, at, rules, why)


def unanswered(recovery: Recovery, at: datetime, rules: RecoveryRules) -> Recovery:
    """The gateway didn't answer: the request is repeated, until a look would have been due."""
    if recovery.asked_at is None or at - recovery.asked_at < rules.look_after:
        return recovery
    return _escalated(recovery, at, rules, sentence("recovery-unanswered", "no gateway answers the request to restart"))


def looked(
    recovery: Recovery, health: Health, at: datetime, earlier: Sequence[datetime], rules: RecoveryRules
) -> Recovery:
    """A look found `health`. `earlier` are the restarts of the tenant's other recoveries."""
    if health is Health.UP:
        return resolved(recovery)
    if health is Health.ENDED:
        return _ended(recovery, Stage.CLOSED, sentence("recovery-ended", "the tenant was stopped or deleted"))
    if recovery.stage is Stage.ESCALATED:
        return replace(recovery, due_at=at + rules.look_after)
    recovery = replace(recovery, looks=recovery.looks + 1)
    if recovery.looks >= rules.looks:
        return _escalated(recovery, at, rules, _still(health))
    if health is Health.UNKNOWN:
        return replace(recovery, due_at=at + rules.look_again)
    return _restart_or_escalate(recovery, at, earlier, rules)


def resolved(recovery: Recovery) -> Recovery:
    """The tenant is up, as we measured or the sender of the alert did."""
    return _ended(recovery, Stage.RECOVERED, None)


def _restart_or_escalate(
    recovery: Recovery, at: datetime, earlier: Sequence[datetime], rules: RecoveryRules
) -> Recovery:
    spent = sum(at - each < rules.window for each in (*earlier, *recovery.restarts))
    if spent < rules.attempts:
        return replace(recovery, stage=Stage.RESTART, due_at=at, asked_at=None)
    return _escalated(recovery, at, rules, _spent(spent, rules))


def _escalated(recovery: Recovery, at: datetime, rules: RecoveryRules, why: Sentence) -> Recovery:
    return replace(recovery, stage=Stage.ESCALATED, due_at=at + rules.look_after, asked_at=None, reason=why)


def _ended(recovery: Recovery, stage: Stage, why: Sentence | None) -> Recovery:
    return replace(recovery, stage=stage, asked_at=None, reason=why)


def _spent(spent: int, rules: RecoveryRules) -> Sentence:
    if rules.attempts == 0:
        return sentence("recovery-off", "restarts are switched off (RECOVERY_ATTEMPTS=0)")
    minutes = f"{rules.window.total_seconds() / 60:g}"
    english = "it is still down after {restarts} restarts in {minutes} minutes"
    return sentence("recovery-spent", english, restarts=spent, minutes=minutes)


def _still(health: Health) -> Sentence:
    if health is Health.UNKNOWN:
        return sentence("recovery-unknown", "nothing measures whether it is up")
    return sentence("recovery-still-down", "it is still down, and other operations left no turn for a restart")
