"""Names of deployment targets, and of the clusters behind them. Pure.

Demo and production never share a cluster: the simulator has a virtual cluster for each mode, and a real cluster
belongs to production.
"""

from collections.abc import Mapping
from typing import Final

from shared.subjects import Mode

SIMULATOR: Final = "simulator"
"""The target that is a virtual cluster of the simulator."""
KUBERNETES: Final = "kubernetes"
"""The target that is the cluster of the kubeconfig, or the one that the service runs in."""

VIRTUAL_CLUSTERS: Final[Mapping[Mode, str]] = {Mode.PRODUCTION: "default", Mode.DEMO: "demo"}
"""The simulator's virtual cluster of each mode."""


def virtual_cluster_url(simulator: str, mode: Mode) -> str:
    """The API server of the mode's virtual cluster, for a simulator at the URL `simulator`."""
    return f"{simulator.rstrip('/')}/clusters/{VIRTUAL_CLUSTERS[mode]}"
