"""What one replica carries on a GPU type, or on a slice of one, and how far that figure can be trusted.

What hasn't been measured isn't used, unless a request allows it. It is then estimated from what has been: in proportion
to memory bandwidth or to arithmetic, whichever promises less, from the measured type that promises least.
"""

from dataclasses import dataclass
from fractions import Fraction

from shared.catalog import Catalog, Confidence, Figure, Gpu, Service


@dataclass(frozen=True, slots=True)
class Holder:
    """What a replica runs on: cores (no GPU type), a whole GPU, or one of several equal slices of one."""

    gpu_type: str | None = None
    slices: int = 1

    def __str__(self) -> str:
        sliced = f"1/{self.slices} " if self.slices > 1 else ""
        return f"{sliced}{self.gpu_type or 'replica'}"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Of one replica."""

    amount: Fraction
    """In the service's unit."""
    servers: int
    """Sessions that it holds at once, or requests that it works on at once."""
    own_seconds: float | None
    """What one request takes; None where that is unmeasured."""
    confidence: Confidence
    source: str


def capacity(service: Service, holder: Holder, catalog: Catalog, *, unmeasured: bool = False) -> Capacity | None:
    """What a replica carries; None if it doesn't fit, or if it hasn't been measured and that isn't allowed."""
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
    return _capacity(service, figure, Fraction(1, holder.slices), Fraction(1))


def _capacity(service: Service, figure: Figure, parts: Fraction, servers: Fraction) -> Capacity | None:
    """`parts` is of a core or GPU, `servers` how many of them work side by side."""
    amount = figure.value * parts
    if not service.is_serial:
        return Capacity(amount, int(amount), None, figure.confidence, figure.source) if amount >= 1 else None
    own = service.own_seconds.value if service.own_seconds else servers / amount
    return Capacity(amount, max(1, int(servers)), float(own), figure.confidence, figure.source)


def _cores(service: Service) -> Fraction:
    return Fraction(service.replica.cpu_request_m, 1000)


def _fits(service: Service, gpu: Gpu, holder: Holder) -> bool:
    needed = service.gpu_memory_gib.value if service.gpu_memory_gib else gpu.memory_gib
    return holder.slices == 1 or needed * holder.slices <= gpu.memory_gib


def _estimated(figure: Figure, measured_on: Gpu, gpu: Gpu) -> Figure:
    bandwidth = gpu.bandwidth_gb_s.value / measured_on.bandwidth_gb_s.value
    arithmetic = gpu.fp16_tflops.value / measured_on.fp16_tflops.value
    return Figure(
        value=figure.value * min(bandwidth, arithmetic),
        confidence=Confidence.ESTIMATE,
        source=f"unmeasured: in proportion to {measured_on.product}, by bandwidth or arithmetic, whichever is less",
    )
