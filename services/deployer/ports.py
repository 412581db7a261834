"""What a reconciler works with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.deployer.cluster import Cluster
from services.deployer.manifests import Manifests
from services.deployer.preflight import Preflight
from services.deployer.room_check import FindRoom


@dataclass(frozen=True)
class Ports:
    """Adapters, and what a reconciler asks before it applies anything."""

    cluster: Cluster
    manifests: Manifests
    clock: Callable[[], datetime]
    wait_for_ingress_address: bool = False
    find_room: FindRoom | None = None
    """None: pods are applied whether they have room or not."""
    preflight: Preflight | None = None
    make_way: Callable[[], None] = lambda: None
    """Raises where others have waited long enough for a turn."""
