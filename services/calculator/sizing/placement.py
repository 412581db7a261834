"""Assigns each service the cheapest GPU type that carries its load, in whole nodes.

With one type this is arithmetic. Mixes of types are an integer programme, which `scipy.optimize.milp` (HiGHS) solves:

    minimise    sum of node price x nodes, and of each placed replica's disk
    such that   every service is on exactly one holder          (one Deployment has one GPU type)
                nodes x GPUs x slices >= the replicas on them
                nodes x GPUs >= the replicas of any one service (two of one service on a GPU would fail together)

Often it isn't needed: if each service's own cheapest holder is a whole GPU on a single-GPU node, packing gains nothing,
and those choices are the optimum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from services.calculator.sizing.capacity import Holder
from shared.catalog import Catalog, Gpu

Replicas = Mapping[str, Mapping[Holder, int]]
"""By service, the replicas that it would need on each holder that it can run on: at least one holder for each.

Of a service whose replicas have several GPUs, each GPU counts as one.
"""
Assignment = dict[str, Holder]

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Rent:
    """GPUs and nodes of one GPU type that a placement rents."""

    gpus: int
    """GPUs in use."""
    nodes: int
    usd: Fraction
    """US dollars a month on demand."""


def cheapest(replicas: Replicas, disk_usd: Mapping[str, Fraction], catalog: Catalog) -> Assignment:
    """The cheapest assignment of services to holders; `disk_usd` is the monthly price of a replica's disk."""
    alone = {name: min(on, key=lambda it: _alone(name, it, on[it], disk_usd, catalog)) for name, on in replicas.items()}
    if all(each.slices == 1 and _gpu(each, catalog).node.gpus == 1 for each in alone.values()):
        return alone
    candidates = [alone, *_uniform(replicas)]
    if (mixed := _solve(replicas, disk_usd, catalog)) is not None:
        candidates.append(mixed)
    return min(candidates, key=lambda each: usd(each, replicas, disk_usd, catalog))


def usd(assignment: Assignment, replicas: Replicas, disk_usd: Mapping[str, Fraction], catalog: Catalog) -> Fraction:
    """The monthly cost of an assignment on demand: GPU nodes and disks."""
    disks = sum((disk_usd[name] * replicas[name][holder] for name, holder in assignment.items()), Fraction(0))
    counts = {name: replicas[name][holder] for name, holder in assignment.items()}
    return disks + sum((each.usd for each in rents(assignment, counts, catalog).values()), Fraction(0))


def rents(assignment: Assignment, counts: Mapping[str, int], catalog: Catalog) -> dict[str, Rent]:
    """GPUs and whole nodes by GPU type, in the catalogue's order; `counts` has the replicas of each service."""
    gpus: dict[str, int] = {}
    for holder in dict.fromkeys(assignment.values()):
        on = [counts[name] for name, where in assignment.items() if where == holder]
        gpus[holder.gpu_type or ""] = gpus.get(holder.gpu_type or "", 0) + max(-(-sum(on) // holder.slices), *on, 0)
    return {name: _rent(name, gpus[name], catalog) for name in catalog.gpus if name in gpus}


def _rent(gpu_type: str, gpus: int, catalog: Catalog) -> Rent:
    gpu = catalog.gpus[gpu_type]
    nodes = -(-gpus // gpu.node.gpus)
    return Rent(gpus, nodes, nodes * gpu.node.gpus * gpu.usd_a_month.value)


def _gpu(holder: Holder, catalog: Catalog) -> Gpu:
    return catalog.gpus[holder.gpu_type or ""]


def _alone(name: str, holder: Holder, count: int, disk_usd: Mapping[str, Fraction], catalog: Catalog) -> Fraction:
    """A lower bound of a service's cost: only its share of GPUs and nodes."""
    return count * (_gpu(holder, catalog).usd_a_month.value / holder.slices + disk_usd[name])


def _uniform(replicas: Replicas) -> Sequence[Assignment]:
    """All services on one holder, for each holder that every service can run on."""
    shared = set.intersection(*(set(on) for on in replicas.values()))
    return [dict.fromkeys(replicas, holder) for holder in sorted(shared, key=str)]


def _solve(replicas: Replicas, disk_usd: Mapping[str, Fraction], catalog: Catalog) -> Assignment | None:
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
