"""The texts of a recovery's step, for the timeline of an incident. Pure."""

from services.monitor.recovery.plan import OPEN, Recovery, Stage
from shared.messages import Sentence, sentence


def step_texts(before: Recovery | None, after: Recovery) -> tuple[Sentence, ...]:
    """What happened from `before` (None: it begins) to `after`, with its reason; nothing for what needs no line."""
    if after.stage is Stage.ESCALATED and (before is None or before.stage is not Stage.ESCALATED):
        return (sentence("recovery-escalated", "The recovery is escalated: people must act"), *_why(after))
    if before is None:
        return (sentence("recovery-begun", "A recovery begins: the tenant is to be restarted"),)
    if after.stage not in OPEN:
        return _of_end(after)
    return _of_restart(before, after) or _of_look(before, after)


def _of_end(after: Recovery) -> tuple[Sentence, ...]:
    if after.stage is Stage.RECOVERED:
        return (sentence("recovery-recovered", "The tenant is up again"),)
    return (sentence("recovery-closed", "The recovery ends without a result"), *_why(after))


def _of_restart(before: Recovery, after: Recovery) -> tuple[Sentence, ...]:
    if len(after.restarts) > len(before.restarts):
        return (sentence("recovery-restarted", "Restart {number} was requested", number=len(after.restarts)),)
    if before.stage is Stage.RESTART and after.stage is Stage.WATCH:
        return (sentence("recovery-waits", "Another operation is in progress; the tenant is looked at afterwards"),)
    return ()


def _of_look(before: Recovery, after: Recovery) -> tuple[Sentence, ...]:
    if after.looks == before.looks:
        return ()
    if after.stage is Stage.RESTART:
        return (sentence("recovery-down", "The tenant is still down, and is to be restarted again"),)
    return (sentence("recovery-unmeasured", "Nothing measures whether the tenant is up; it is looked at again"),)


def _why(after: Recovery) -> tuple[Sentence, ...]:
    return (after.reason,) if after.reason else ()
