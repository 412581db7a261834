"""What can be rented, and for how much."""

from pydantic import Field

from shared.catalog.figures import CatalogRecord, Count, Figure, Sourced


class NodeType(Sourced):
    """The smallest instance that can be rented with a GPU type."""

    instance: str
    gpus: int = Field(ge=1)
    cores: int = Field(ge=1)
    memory_gib: int = Field(ge=1)


class Mig(Sourced):
    """Into how many parts a GPU can be cut. An instance has whole parts of both."""

    compute: int = Field(ge=2)
    memory: int = Field(ge=2)


class Gpu(Sourced):
    """Its own source is that of its memory."""

    memory_gib: int = Field(gt=0)
    product: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")
    """The node label `nvidia.com/gpu.product`."""
    usd_a_month: Figure
    """Of one of them, with its part of the instance's CPUs and memory."""
    node: NodeType
    time_slices: Count
    """How many replicas may take turns at one."""
    mig: Mig | None = None
    """None where it can't be cut into isolated instances."""
    bandwidth_gb_s: Figure
    fp16_tflops: Figure


class Purchase(CatalogRecord):
    """The part of the price on demand that is left to pay."""

    gpu: Figure
    cpu: Figure


class Prices(CatalogRecord):
    """US dollars."""

    hours_a_month: int = Field(gt=0)
    core_hour: Figure
    memory_gib_hour: Figure
    storage_gb_month: Figure
    spot: Purchase
    reserved: Purchase
    krw_per_usd: Figure
