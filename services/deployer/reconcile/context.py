"""What a reconciler works with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.deployer.cluster.api import ClusterApi
from services.deployer.reconcile.preflight import Preflight
from services.deployer.reconcile.room_check import FindRoom
from services.deployer.state.manifest_store import ManifestStore


@dataclass(frozen=True)
class ReconcileContext:
    """Adapters, and what a reconciler asks before it applies anything."""

    cluster: ClusterApi
    manifests: ManifestStore
    clock: Callable[[], datetime]
    wait_for_ingress_address: bool = False
    find_room: FindRoom | None = None
    """None: pods are applied whether they have room or not."""
    preflight: Preflight | None = None
    make_way: Callable[[], None] = lambda: None
    """Raises where others have waited long enough for a turn."""
