"""From loads to a plan: every service is dimensioned, and placed where it is cheapest.

A service without GPU has one possible holder. The others are dimensioned on every holder that they can run on, and
`placement` chooses among them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from services.calculator.sizing.capacity import Assignment, Holder, HolderCapacity, capacity, ways_to_share
from services.calculator.sizing.chosen import ReplicaChoice, as_chosen, replica_choice
from services.calculator.sizing.dimensioning import Dimension, Goal, Performance, TooSlow, dimension, performance
from services.calculator.sizing.load import Load
from services.calculator.sizing.placement import Rent, cheapest, rents
from shared.catalog import Catalog, Replica
from shared.choices import ServiceOptions
from shared.errors import Refused
from shared.messages import problem, sentence
from shared.sizing import GpuSharing

_MB_A_GB = 1000


@dataclass(frozen=True, slots=True)
class SizedWorkload:
    """One service on one holder."""

    load: Load
    holder: Holder
    capacity: HolderCapacity
    dimension: Dimension
    gpus_a_replica: int = 1
    """Whole GPUs, or slices, if it runs on GPUs."""

    @property
    def replicas(self) -> int:
        return self.dimension.replicas

    @property
    def gpus(self) -> int:
        """GPUs, or slices, of all replicas."""
        return self.replicas * self.gpus_a_replica

    def part(self, of: int) -> int:
        """A replica's share `of` cores or memory: on a slice of a GPU it has the same share of the host, rounded up."""
        return -(-of // self.holder.slices)


@dataclass(frozen=True, slots=True)
class SizingPlan:
    """A tenant's workloads, in the catalogue's order, and the GPUs that they rent."""

    workloads: Mapping[str, SizedWorkload]
    rents: Mapping[str, Rent]
    storage_gb: Fraction
    """Images and models on the nodes' disks, and the data that sessions store (10^9 bytes)."""
    goal: Goal
    choices: Mapping[str, ServiceOptions] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SizingOptions:
    """Options of a sizing beyond the tenant's specification. The defaults are the production settings."""

    gpu_sharing: GpuSharing = "none"
    """Whether several replicas may share a GPU, and how. The nodes must be set up for it."""
    unmeasured: bool = False
    """Whether to estimate the capacity on GPU types on which a service is unmeasured."""
    krw_per_usd: Fraction | None = None
    """Won for a dollar; None: the catalogue's rate."""


PRODUCTION = SizingOptions()


@dataclass(frozen=True, slots=True)
class SizingContext:
    """The inputs of a sizing besides the loads, and the intermediate results that its alternatives share."""

    goal: Goal
    gpu_type: str | None
    options: SizingOptions
    choices: Mapping[str, ServiceOptions] = field(default_factory=dict)
    """What the tenant chose for its services. The catalogue has their resources already: only replicas count here."""
    known: dict[tuple[str, Load, Holder, Goal, ReplicaChoice], SizedWorkload | TooSlow | None] = field(
        default_factory=dict, compare=False
    )
    """Workloads dimensioned so far: a sizing and its alternatives share most of them."""
    capacities: dict[tuple[str, Holder], HolderCapacity | None] = field(default_factory=dict, compare=False)
    """Replica capacities computed so far."""


def plan(loads: Mapping[str, Load], context: SizingContext, catalog: Catalog) -> SizingPlan:
    """Size every service. Raises Refused if a service has no measured GPU type, or none is fast enough."""
    choices = _all_choices(loads, context, catalog)
    assignment = _placed({name: on for name, on in choices.items() if catalog.services[name].uses_gpu}, catalog)
    workloads = {name: on[assignment.get(name, Holder())] for name, on in choices.items()}
    gpus = {name: workloads[name].gpus for name in assignment}
    stored = sum((stored_gb(name, each, catalog) for name, each in workloads.items()), Fraction(0))
    return SizingPlan(workloads, rents(assignment, gpus, catalog), stored, context.goal, context.choices)


def measured_types(services: Iterable[str], catalog: Catalog) -> list[str]:
    """The GPU types on which all services that use a GPU are measured."""
    users = [catalog.services[name] for name in services if catalog.services[name].uses_gpu]
    return [gpu for gpu in catalog.gpus if all(service.carries(gpu) is not None for service in users)]


def performance_of(name: str, workload: SizedWorkload, goal: Goal, catalog: Catalog) -> Performance:
    """The performance of a workload under the load that it was sized for."""
    service, found = catalog.services[name], workload.dimension
    return performance(service, workload.load, workload.capacity, goal, replicas=found.replicas, needed=found.needed)


def stored_gb(name: str, workload: SizedWorkload, catalog: Catalog) -> Fraction:
    """Images and models on the nodes' disks, and the data that a service's sessions store, in GB (10^9 bytes)."""
    service = catalog.services[name]
    disks = workload.replicas * service.replica.disk_gb
    if (storage := service.storage) is None:
        return disks
    return disks + workload.load.amount * storage.mb_a_day * storage.days / _MB_A_GB


def _holders(name: str, context: SizingContext, catalog: Catalog) -> Iterator[Holder]:
    """Cores; or GPU types in the catalogue's order, each followed by its slices if sharing is allowed."""
    if not catalog.services[name].uses_gpu:
        yield Holder()
        return
    measured = catalog.services[name].capacity.per_gpu or {}
    for gpu_type, gpu in catalog.gpus.items():
        if context.gpu_type not in (None, gpu_type) or not (context.options.unmeasured or gpu_type in measured):
            continue
        yield Holder(gpu_type)
        if catalog.services[name].replica.gpus > 1:
            continue
        yield from ways_to_share(gpu_type, gpu, context.options.gpu_sharing)


def _all_choices(
    loads: Mapping[str, Load], context: SizingContext, catalog: Catalog
) -> dict[str, dict[Holder, SizedWorkload]]:
    """The workload of each service on each holder that it can run on. Raises Refused if a service has none."""
    choices: dict[str, dict[Holder, SizedWorkload]] = {}
    slow: list[tuple[float, str, Holder]] = []
    for name, load in loads.items():
        found = {holder: _known(name, load, holder, context, catalog) for holder in _holders(name, context, catalog)}
        choices[name] = {holder: each for holder, each in found.items() if isinstance(each, SizedWorkload)}
        too_slow = [(each.possible, name, on) for on, each in found.items() if isinstance(each, TooSlow)]
        if not choices[name] and not too_slow:
            raise _unmeasured(context.gpu_type, name, catalog)
        slow += [] if choices[name] else [min(too_slow, key=lambda each: each[0])]
    if slow:
        raise _too_slow(*max(slow, key=lambda each: each[0]), catalog)
    return choices


def _known(
    name: str, load: Load, holder: Holder, context: SizingContext, catalog: Catalog
) -> SizedWorkload | TooSlow | None:
    key = (name, load, holder, context.goal, replica_choice(context.choices.get(name)))
    if key not in context.known:
        context.known[key] = _workload(name, load, holder, context, catalog)
    return context.known[key]


def _workload(
    name: str, load: Load, holder: Holder, context: SizingContext, catalog: Catalog
) -> SizedWorkload | TooSlow | None:
    """None if it doesn't fit or is unmeasured; TooSlow if no number of replicas is fast enough."""
    service = catalog.services[name]
    if (name, holder) not in context.capacities:
        context.capacities[name, holder] = capacity(service, holder, catalog, unmeasured=context.options.unmeasured)
    found = context.capacities[name, holder]
    if found is None:
        return None
    try:
        sized = dimension(service, load, found, context.goal)
    except TooSlow as error:
        return error
    chosen = as_chosen(sized, replica_choice(context.choices.get(name)))
    return SizedWorkload(load, holder, found, chosen, service.replica.gpus)


def _placed(choices: Mapping[str, Mapping[Holder, SizedWorkload]], catalog: Catalog) -> Assignment:
    if not choices:
        return {}
    counts = {name: {holder: each.gpus for holder, each in on.items()} for name, on in choices.items()}
    disks = {name: _disk_usd(catalog.services[name].replica, catalog) for name in choices}
    return cheapest(counts, disks, catalog)


def _disk_usd(replica: Replica, catalog: Catalog) -> Fraction:
    """US dollars a month of a replica's disk, for each of its GPUs: placement counts GPUs."""
    return replica.disk_gb * catalog.prices.storage_gb_month.value / replica.gpus


def _too_slow(possible: float, name: str, holder: Holder, catalog: Catalog) -> Refused:
    own = f"{possible * 1000:.3g} ms"
    if (within := catalog.services[name].within_seconds) is not None:  # only with too little of a core
        english = "{service} takes {own} at p95 with so little CPU, and may take {limit} s: choose more"
        reason = sentence("too-slow-on-its-cpu", english, service=name, own=own, limit=float(within.value))
        field = f"service_options.{name}.resources.requests.cpu"
        return Refused(reason.english, details={"errors": [problem(field, reason)]})
    english = "{service} takes {own} at p95 on {holder} even when nothing waits: a response_time above that is possible"
    reason = sentence("response-time-too-short", english, service=name, own=own, holder=holder)
    details = {"errors": [problem("sla_target.response_time", reason)], "possible_above_ms": round(possible * 1000, 3)}
    return Refused(reason.english, details=details)


def _unmeasured(wanted: str | None, name: str, catalog: Catalog) -> Refused:
    known = list(catalog.services[name].capacity.per_gpu or {})
    reason = sentence(
        "gpu-unmeasured",
        f"{{service}} has not been measured on {'{gpu_type}' if wanted else 'any GPU that fits'}; it has on {{known}}",
        service=name,
        gpu_type=wanted or "any",
        known=", ".join(known),
    )
    return Refused(reason.english, details={"errors": [problem("gpu_type", reason)], "gpu_types": known})
