"""The capacity of one replica on a GPU type, or on a slice of one, and the confidence of that figure.

Unmeasured combinations are used only if a request allows it. They are then estimated from each measured GPU type, in
proportion to memory bandwidth or FP16 throughput, whichever is lower; the lowest estimate counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from shared.catalog import Catalog, CatalogService, Confidence, Figure, Gpu, Mig
from shared.sizing import GpuSharing


@dataclass(frozen=True, slots=True)
class Holder:
    """What a replica runs on: cores (no GPU type), a whole GPU, or one of several equal slices of a GPU."""

    gpu_type: str | None = None
    slices: int = 1
    mig: bool = False
    """Whether the slices are MIG instances; otherwise they are time slices."""

    def __str__(self) -> str:
        sliced = f"1/{self.slices} " if self.slices > 1 else ""
        return f"{sliced}{self.gpu_type or 'replica'}"


Replicas = Mapping[str, Mapping[Holder, int]]
"""By service, the replicas that it would need on each holder that it can run on: at least one holder for each.

Of a service whose replicas have several GPUs, each GPU counts as one.
"""
Assignment = dict[str, Holder]
"""The holder of each service."""


@dataclass(frozen=True, slots=True)
class HolderCapacity:
    """The capacity of one replica."""

    amount: Fraction
    """In the service's unit."""
    servers: int
    """Concurrent sessions, or requests that it processes in parallel."""
    own_seconds: float | None
    """Service time of one request; None if unmeasured."""
    confidence: Confidence
    source: str


def ways_to_share(gpu_type: str, gpu: Gpu, sharing: GpuSharing) -> Iterator[Holder]:
    """The ways to slice a GPU. MIG layouts whose instances are no larger than those of a finer layout are left out."""
    if sharing == "time-slicing":
        yield from (Holder(gpu_type, slices) for slices in range(2, gpu.time_slices.value + 1))
    if sharing == "mig" and gpu.mig:
        parts = [_mig_parts(gpu.mig, slices) for slices in range(2, gpu.mig.compute + 2)]
        for slices, (these, next_ones) in enumerate(pairwise(parts), 2):
            if these != next_ones and all(these):
                yield Holder(gpu_type, slices, mig=True)


def capacity(
    service: CatalogService, holder: Holder, catalog: Catalog, *, unmeasured: bool = False
) -> HolderCapacity | None:
    """The capacity of a replica; None if it doesn't fit, or if it is unmeasured and estimates aren't allowed."""
    if service.capacity.per_core is not None:
        return _capacity(service, service.capacity.per_core, _cores(service), _cores(service))
    measured = service.capacity.per_gpu or {}
    gpu = catalog.gpus[holder.gpu_type or ""]
    figure = measured.get(holder.gpu_type or "")
    if figure is None and unmeasured:
        estimates = [_estimated(each, catalog.gpus[on], gpu) for on, each in measured.items()]
        figure = min(estimates, key=lambda each: each.value)
    if figure is None or not _fits(service, gpu, holder):
        return None
    gpus = service.replica.gpus
    return _capacity(service, figure, _part(gpu, holder)[0] * gpus, Fraction(gpus))


def _capacity(service: CatalogService, figure: Figure, parts: Fraction, servers: Fraction) -> HolderCapacity | None:
    """`parts` scales a figure per core or GPU; `servers` is how many requests are processed in parallel.

    Less than one core is a slower server: a tenth of it takes ten times as long for a request.
    """
    amount = figure.value * parts
    if not service.is_serial:
        return HolderCapacity(amount, int(amount), None, figure.confidence, figure.source) if amount >= 1 else None
    own = service.own_seconds.value if service.own_seconds else servers / amount
    own_seconds = float(own / min(Fraction(1), servers))
    return HolderCapacity(amount, max(1, int(servers)), own_seconds, figure.confidence, figure.source)


def _cores(service: CatalogService) -> Fraction:
    return Fraction(service.replica.cpu_request_m, 1000)


def _fits(service: CatalogService, gpu: Gpu, holder: Holder) -> bool:
    needed = service.gpu_memory_gib.value if service.gpu_memory_gib else gpu.memory_gib
    return holder.slices == 1 or needed <= gpu.memory_gib * _part(gpu, holder)[1]


def _part(gpu: Gpu, holder: Holder) -> tuple[Fraction, Fraction]:
    """A holder's share of a GPU: of its compute, and of its memory."""
    if not holder.mig or gpu.mig is None:
        return Fraction(1, holder.slices), Fraction(1, holder.slices)
    compute, memory = _mig_parts(gpu.mig, holder.slices)
    return Fraction(compute, gpu.mig.compute), Fraction(memory, gpu.mig.memory)


def _mig_parts(mig: Mig, slices: int) -> tuple[int, int]:
    """The compute and memory parts of each of `slices` equal MIG instances: on an A100, two have 3 of 7 and 4 of 8."""
    return mig.compute // slices, mig.memory // slices


def _estimated(figure: Figure, measured_on: Gpu, gpu: Gpu) -> Figure:
    bandwidth = gpu.bandwidth_gb_s.value / measured_on.bandwidth_gb_s.value
    arithmetic = gpu.fp16_tflops.value / measured_on.fp16_tflops.value
    return Figure(
        value=figure.value * min(bandwidth, arithmetic),
        confidence=Confidence.ESTIMATE,
        source=f"unmeasured: in proportion to {measured_on.product}, by bandwidth or arithmetic, whichever is less",
    )
