"""The arithmetic of a rolling update, with the rules of Kubernetes' deployment controller as the reference."""

from typing import Any

import pytest

from services.simulator.controllers.workloads.rollout import (
    DESIRED,
    MAXIMUM,
    RolloutLimits,
    limits,
    new_size,
    resolve,
    shrink_old,
    spread,
)
from shared.kube.objects import Obj

NEW, OLD, OLDER = "2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"


def deployment(
    replicas: int, surge: int | str = "25%", unavailable: int | str = "25%", status: dict[str, Any] | None = None
) -> Obj:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"spec": {"replicas": replicas, "strategy": {"rollingUpdate": rolling}}, "status": status or {}}


def replica_set(name: str, replicas: int, available: int | None = None, created: str = OLD, maximum: int = 0) -> Obj:
    annotations = {MAXIMUM: str(maximum), DESIRED: str(maximum)} if maximum else {}
    return {
        "metadata": {"name": name, "creationTimestamp": created, "annotations": annotations},
        "spec": {"replicas": replicas},
        "status": {"availableReplicas": replicas if available is None else available},
    }


@pytest.mark.parametrize(
    ("value", "total", "up", "result"),
    [(3, 10, True, 3), ("25%", 10, True, 3), ("25%", 10, False, 2), ("0%", 10, True, 0), ("100%", 7, False, 7)],
)
def test_percentages_are_rounded_up_or_down(value: int | str, total: int, up: bool, result: int) -> None:
    assert resolve(value, total, up=up) == result


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (deployment(10), RolloutLimits(3, 2)),
        (deployment(1), RolloutLimits(1, 0)),
        (deployment(4, 0, 0), RolloutLimits(0, 1)),
        (deployment(2, 5, 9), RolloutLimits(5, 2)),
        ({"spec": {"replicas": 4, "strategy": {"type": "Recreate"}}}, RolloutLimits(0, 0)),
    ],
)
def test_surge_is_rounded_up_and_unavailability_down(spec: Obj, expected: RolloutLimits) -> None:
    assert limits(spec) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (10, None, 3),  # the surge is free at once
        (10, 3, 3),  # nothing is free until old pods are gone
        (8, 3, 5),
        (0, 9, 10),
        (5, 12, 10),  # more than desired shrinks
    ],
)
def test_the_new_replica_set_grows_into_the_surge(old: int, new: int | None, expected: int) -> None:
    present = replica_set("new", new) if new is not None else None
    sets = [replica_set("old", old), *([present] if present else [])]
    assert new_size(deployment(10), present, sets) == expected


def test_recreate_starts_with_all_replicas() -> None:
    recreate = {"spec": {"replicas": 4, "strategy": {"type": "Recreate"}}}
    assert new_size(recreate, None, [replica_set("old", 0)]) == 4


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([replica_set("old", 10)], replica_set("new", 3, 0, NEW), {"old": 8}),
        ([replica_set("old", 8)], replica_set("new", 5, 0, NEW), {}),
        ([replica_set("old", 8)], replica_set("new", 5, 2, NEW), {"old": 6}),
        # pods that aren't available go first, and don't count against maxUnavailable
        ([replica_set("old", 10, 6)], replica_set("new", 3, 3, NEW), {"old": 5}),
        # of several old ones the oldest first
        ([replica_set("old", 5), replica_set("older", 5, created=OLDER)], replica_set("new", 3, 3, NEW), {"older": 0}),
        ([replica_set("old", 10)], None, {"old": 8}),
    ],
)
def test_old_replica_sets_shrink_as_far_as_availability_allows(
    old: list[Obj], new: Obj | None, expected: dict[str, int]
) -> None:
    assert shrink_old(deployment(10), new, old) == expected


@pytest.mark.parametrize(
    ("replicas", "sizes", "expected"),
    [
        (20, {"old": 8, "new": 5}, {"old": 15, "new": 10}),  # 25 = 20 and a surge of 5
        (5, {"old": 8, "new": 5}, {"old": 4, "new": 3}),  # 7 = 5 and a surge of 2
        (10, {"old": 8, "new": 5}, {"old": 8, "new": 5}),
        (0, {"old": 8, "new": 5}, {"old": 0, "new": 0}),
    ],
)
def test_a_resize_during_a_rollout_is_spread_in_proportion(
    replicas: int, sizes: dict[str, int], expected: dict[str, int]
) -> None:
    sets = [
        replica_set("old", sizes["old"], maximum=13),
        replica_set("new", sizes["new"], created=NEW, maximum=13),
    ]
    assert spread(deployment(replicas), sets) == expected


def test_a_resize_without_annotations_goes_by_the_status() -> None:
    sets = [replica_set("old", 8), replica_set("new", 5, created=NEW)]
    assert sum(spread(deployment(20, status={"replicas": 13}), sets).values()) == 25
    assert spread(deployment(20), [replica_set("old", 0), replica_set("new", 0)]) == {"old": 25, "new": 0}
