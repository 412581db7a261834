"""Which alerts of the past a silence would have muted: asked before it is created. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.monitor.silences.muting import MutableAlert, SilenceRule
from services.monitor.silences.recurrence import occurrence_at
from shared.messages import Sentence, sentence
from shared.rpc.silences import PreviewedAlert, SilencePreview

_MOST_NAMES = 50


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that an alert fired. `resolved_at` None: it still does."""

    alert: MutableAlert
    fired_at: datetime
    resolved_at: datetime | None


def preview(tenant_id: str, rule: SilenceRule, firings: Iterable[Firing], *, days: int) -> SilencePreview:
    """What `rule` would have muted of `firings`, which are those of the last `days`.

    Its start and its end don't count, because they lie in the future; its recurrence does.
    """
    seen: Counter[tuple[str, str]] = Counter()
    muted: Counter[tuple[str, str]] = Counter()
    now = 0
    for each in firings:
        key = (each.alert.name, each.alert.severity)
        seen[key] += 1
        if rule.matches(each.alert):
            now += each.resolved_at is None
            muted[key] += _is_at_its_time(rule, each.fired_at)
    listed = sorted(seen, key=lambda key: (-muted[key], -seen[key], key))[:_MOST_NAMES]
    text = _summary(seen.total(), muted.total(), days)
    return SilencePreview(
        tenant_id=tenant_id,
        days=days,
        firings=seen.total(),
        muted=muted.total(),
        firing_now=now,
        alerts=tuple(
            PreviewedAlert(name=key[0], severity=key[1], firings=seen[key], muted=muted[key]) for key in listed
        ),
        summary=text.english,
        summary_messages=(text.message,),
    )


def _is_at_its_time(rule: SilenceRule, at: datetime) -> bool:
    return rule.recurrence is None or occurrence_at(rule.recurrence, at, zone=rule.zone) is not None


def _summary(firings: int, muted: int, days: int) -> Sentence:
    english = "would have muted {muted} of the {firings} alerts of the last {days} days"
    return sentence("silence-preview", english, muted=muted, firings=firings, days=days)
