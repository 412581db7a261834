"""Mixes of GPU types, an integer programme that `scipy.optimize.milp` (HiGHS) solves.

minimise    sum of node price x nodes, and of each placed replica's disk
such that   every service is on exactly one holder          (one Deployment has one GPU type)
nodes x GPUs x slices >= the replicas on them
nodes x GPUs >= the replicas of any one service (two of one service on a GPU would fail together)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from services.calculator.sizing.capacity import Assignment, Holder, Replicas
from shared.catalog import Catalog

_SECONDS = 5.0


def cheapest_mix(replicas: Replicas, disk_usd: Mapping[str, Fraction], catalog: Catalog) -> Assignment | None:
    """The optimum over all mixes; None if the solver found none within its time limit."""
    pairs = [(name, holder) for name, on in replicas.items() for holder in on]
    holders = list(dict.fromkeys(holder for _, holder in pairs))
    types = list(dict.fromkeys(holder.gpu_type or "" for holder in holders))
    columns = _Columns(pairs, holders, types)
    node_usd = [catalog.gpus[each].node.gpus * catalog.gpus[each].usd_a_month.value for each in types]
    disk = [replicas[name][holder] * disk_usd[name] for name, holder in pairs]
    rows, lower, upper = _constraints(columns, replicas, catalog)
    solved = milp(
        np.array([*disk, *(0 for _ in holders), *node_usd], dtype=float),
        constraints=LinearConstraint(rows, lower, upper),
        bounds=Bounds(0, [1.0] * len(pairs) + [np.inf] * (len(holders) + len(types))),
        integrality=np.ones(rows.shape[1], dtype=np.int_),
        options={"time_limit": _SECONDS, "mip_rel_gap": 0},
    )
    if solved.x is None:
        return None
    return {name: holder for (name, holder), chosen in zip(pairs, solved.x, strict=False) if chosen > 0.5}


@dataclass(frozen=True, slots=True)
class _Columns:
    """The programme's variables: whether a pair is chosen, GPUs per holder, nodes per type."""

    pairs: list[tuple[str, Holder]]
    holders: list[Holder]
    types: list[str]

    def row(self, pairs: Mapping[int, float], holders: Mapping[int, float], types: Mapping[int, float]) -> list[float]:
        row = [0.0] * (len(self.pairs) + len(self.holders) + len(self.types))
        for start, part in ((0, pairs), (len(self.pairs), holders), (len(self.pairs) + len(self.holders), types)):
            for index, factor in part.items():
                row[start + index] = factor
        return row


def _constraints(
    columns: _Columns, replicas: Replicas, catalog: Catalog
) -> tuple[NDArray[np.float64], list[float], list[float]]:
    """Coefficients, and the lower and upper bound of each row."""
    rows, lower, upper = [], [], []
    for name in replicas:
        rows.append(columns.row({i: 1.0 for i, (service, _) in enumerate(columns.pairs) if service == name}, {}, {}))
        lower.append(1.0)
        upper.append(1.0)
    for row in _packing(columns, replicas, catalog):
        rows.append(row)
        lower.append(0.0)
        upper.append(np.inf)
    return np.array(rows), lower, upper


def _packing(columns: _Columns, replicas: Replicas, catalog: Catalog) -> Iterator[list[float]]:
    """Rows that must not be negative: free slices, GPUs minus the replicas of each one service, free GPUs of nodes."""
    for h, holder in enumerate(columns.holders):
        on = {i: -float(replicas[name][holder]) for i, (name, where) in enumerate(columns.pairs) if where == holder}
        yield columns.row(on, {h: float(holder.slices)}, {})
        for i, needed in on.items() if holder.slices > 1 else ():
            yield columns.row({i: needed}, {h: 1.0}, {})
    for t, gpu_type in enumerate(columns.types):
        used = {h: -1.0 for h, holder in enumerate(columns.holders) if holder.gpu_type == gpu_type}
        yield columns.row({}, used, {t: float(catalog.gpus[gpu_type].node.gpus)})
