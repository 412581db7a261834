"""What a question may allow beyond the tenant's own wishes."""

from dataclasses import dataclass
from fractions import Fraction

from shared.sizing import GpuSharing


@dataclass(frozen=True, slots=True)
class Options:
    """Everything off is how tenants are sized."""

    gpu_sharing: GpuSharing = "none"
    """Whether several replicas may share a GPU, and how. The nodes must be set up for it."""
    unmeasured: bool = False
    """Whether GPU types count on which a service hasn't been measured, by estimate."""
    krw_per_usd: Fraction | None = None
    """None: the catalogue's."""


DEFAULT = Options()
