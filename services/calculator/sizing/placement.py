"""Assigns each service the cheapest GPU type that carries its load, in whole nodes.

With one type this is arithmetic. Mixes of types are an integer programme (`mixed_placement`). Often it isn't needed: if
each service's own cheapest holder is a whole GPU on a single-GPU node, packing gains nothing, and those choices are the
optimum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from services.calculator.sizing.capacity import Assignment, Holder, Replicas
from shared.catalog import Catalog, Gpu


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
    # Imported when it is first needed: SciPy's solver takes 0.2 s and 40 MB, and most tenants share no GPUs.
    from services.calculator.sizing.mixed_placement import cheapest_mix  # noqa: PLC0415

    candidates = [alone, *_uniform(replicas)]
    if (mixed := cheapest_mix(replicas, disk_usd, catalog)) is not None:
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
