"""The adapters and settings that the work on one tenant needs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.deployer.cluster.api import ClusterApi
from services.deployer.reconcile.preflight import Preflight
from services.deployer.reconcile.room_check import FindRoom
from services.deployer.state.manifest_reader import ManifestReader


@dataclass(frozen=True)
class ReconcileContext:
    """The target's cluster, the mode's manifests, and checks before anything is applied."""

    cluster: ClusterApi
    manifests: ManifestReader
    clock: Callable[[], datetime]
    wait_for_ingress_address: bool = False
    find_room: FindRoom | None = None
    """None: pods are applied without checking for room."""
    preflight: Preflight | None = None
    """None: manifests are applied without checking our rights."""
    check_slot: Callable[[], None] = lambda: None
    """Called after each look that ends in waiting; raises SlotExpired once other tenants have waited long enough."""
    at_work: Callable[[], int] = lambda: 1
    """How many tenants of the mode this replica works on."""
