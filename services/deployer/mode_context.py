"""What the deployer has of one mode: records, leases, manifests, publisher and clusters.

One context per mode is built at start. Whatever works with a context can't reach the other mode's data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from services.deployer.cluster.targets import TargetClusters
from services.deployer.settings import DeployerSettings
from services.deployer.state.manifest_reader import ManifestReader
from services.deployer.state.repository import StateRepository
from shared.bus import ModeBus, ModePublisher
from shared.bus.leases import Leases
from shared.subjects import Bucket, Mode


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class ModeContext:
    """The adapters of one mode. Tests build it from fakes."""

    mode: Mode
    states: StateRepository
    manifests: ManifestReader
    clusters: TargetClusters
    publisher: ModePublisher
    leases: Leases
    """The controller's leases on tenants."""
    drift_leases: Leases
    """Under a holder of their own: drift must not be healed while our own controller works on the tenant."""
    clock: Callable[[], datetime] = utc_now

    @classmethod
    def build(cls, bus: ModeBus, settings: DeployerSettings, holder: str) -> "ModeContext":
        """The context of the bus's mode; connections are opened at their first use. `holder` names this process."""
        leases = partial(bus.key_value, Bucket.LEASES)
        return cls(
            mode=bus.mode,
            states=StateRepository(bus),
            manifests=ManifestReader(bus),
            clusters=TargetClusters(bus.mode, settings),
            publisher=bus,
            leases=Leases(leases, holder),
            drift_leases=Leases(leases, f"{holder}:drift"),
        )
