"""The differences between what runs and what was deployed. Pure: objects as an API server returns them.

An object is compared with the result of applying it again (a dry run). Defaults, quantities in another notation and
fields that others added are therefore no difference; only fields of ours that were changed or removed are.

The replicas of an autoscaled workload drift only outside of the autoscaler's bounds: 0 does with a minimum of 2, while
3 doesn't between 2 and 4.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.deployer.cluster.managed_fields import latest, owner
from services.deployer.state.records import DriftRecord
from shared.events import Drift
from shared.kube.differences import Path, comparable, written
from shared.kube.differences import differences as fields
from shared.kube.objects import Obj
from shared.process.backoff import delay

_LONGEST = 60
"""Characters of a value that messages show."""
_NAMED_AT_MOST = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 600.0
"""Seconds between two heals."""
CONTESTED = 2
"""Number of heals from which another manager is assumed to revert them."""


def compare(live: Obj, wanted: Obj) -> list[Drift]:
    """The fields in which `live` differs from `wanted`, the result of a dry run of applying the object."""
    left, right = comparable(live), comparable(wanted)
    return [_drift(live, path, found, value) for path, found, value in fields(left, right)]


def gone(obj: Obj) -> Drift:
    """The drift of an object that no longer exists."""
    return Drift(type=obj["kind"], name=obj["metadata"]["name"], reason="gone")


def ends_by_itself(obj: Obj) -> bool:
    """Whether Kubernetes deletes the object when its work is done: creating it again would repeat the work."""
    return obj["kind"] == "Job" and obj["spec"].get("ttlSecondsAfterFinished") is not None


def replaced(live: Obj) -> Drift:
    """The drift of an object that replaced ours, and that can't be changed back."""
    return Drift(type=live["kind"], name=live["metadata"]["name"], reason="changed", manager=latest(live))


def out_of_bounds(live: Obj, bounds: tuple[int, int]) -> list[Drift]:
    """The drift of replicas that lie outside the bounds of the workload's autoscaler."""
    replicas = int((live.get("spec") or {}).get("replicas", 1))
    least, most = bounds
    if least <= replicas <= most:
        return []
    path: Path = ("spec", "replicas")
    return [_drift(live, path, replicas, f"{least} to {most}")]


def describe(items: Sequence[Drift]) -> str:
    """`Deployment callbot: .spec.replicas was changed by kubectl (0 instead of 2)`, for some of them."""
    texts = [_sentence(each) for each in items[:_NAMED_AT_MOST]]
    more = len(items) - _NAMED_AT_MOST
    return "; ".join(texts) + (f"; and {more} more" if more > 0 else "")


def initial_record(now: datetime) -> DriftRecord:
    """The record before the first report. Sequence numbers begin at the time, so that they rise after a lost record."""
    return DriftRecord(sequence=int(now.timestamp()))


def next_heal(heals: int, healed_at: datetime | None) -> datetime | None:
    """When to heal: None for at once. The pause doubles with each heal, as another manager may revert them."""
    return healed_at + timedelta(seconds=pause(heals)) if heals and healed_at is not None else None


def carried(before: DriftRecord, items: Sequence[Drift], now: datetime) -> dict[str, Any]:
    """The heals that count for the present drift: none if the last was long ago, or if other fields drift now."""
    heals, healed_at = before.heals, before.healed_at
    if healed_at is None or now - healed_at > timedelta(seconds=max(_LONGEST_PAUSE, 2 * pause(heals))):
        return {"heals": 0, "healed": (), "reported_heals": 0}
    is_contested = not items or not names_of(items).isdisjoint(before.healed)
    heals = heals if is_contested else 0
    return {"heals": heals, "healed": before.healed, "reported_heals": heals}


def names_of(items: Sequence[Drift]) -> set[str]:
    """The drifted fields without their values: `Deployment callbot .spec.replicas`."""
    return {f"{each.type} {each.name} {each.field or ''}" for each in items}


def pause(heals: int) -> float:
    """Seconds between the last of `heals` heals and the next."""
    return delay(heals, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)


def _drift(live: Obj, path: Path, found: Any, wanted: Any) -> Drift:
    # A removed field has no owner. A changed one has, except 0 replicas that were set by the subresource `scale`.
    manager = owner(live, path) or (latest(live) if found is None else None)
    is_secret = live["kind"] == "Secret"
    return Drift(
        type=live["kind"],
        name=live["metadata"]["name"],
        reason="removed" if found is None else "changed",
        field=written(path),
        manager=manager,
        wanted=None if is_secret else _text(wanted),
        found=None if is_secret else _text(found),
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _sentence(item: Drift) -> str:
    what = f"{item.type} {item.name}"
    if item.reason == "gone":
        return f"{what} is gone"
    by = f" by {item.manager}" if item.manager else ""
    values = f" ({item.found} instead of {item.wanted})" if item.found and item.wanted else ""
    return f"{what}: {item.field or 'all of it'} was {item.reason}{by}{values}"
