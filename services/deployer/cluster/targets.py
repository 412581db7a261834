"""The clusters of one mode, by the name of their target.

Demo and production never share a cluster: the simulator has a virtual one for each, and a real one is production's.
"""

from collections.abc import Mapping
from functools import partial

from services.deployer.cluster.api import ClusterApi
from services.deployer.cluster.kubernetes import KubernetesAdapter
from services.deployer.settings import DeployerSettings
from shared.errors import PermanentError
from shared.kube.client import connect
from shared.kube.targets import KUBERNETES, SIMULATOR, VIRTUAL_CLUSTERS, virtual_cluster_url
from shared.subjects import Mode

_CONNECTIONS_PER_TENANT = 16
"""A watch for each kind that can be unhealthy (the call centre has nine), and a request beside them."""
_CONNECTIONS_FOR_DRIFT = 24
"""A watch for each kind that a manifest can have."""


class UnknownTarget(PermanentError):
    """The mode has no target of that name; the message lists the possible ones."""

    code = "UNKNOWN_TARGET"


class TargetClusters:
    """One client per cluster; each connects at its first use."""

    def __init__(self, mode: Mode, settings: DeployerSettings) -> None:
        self._mode = mode
        self._kubernetes_grows = settings.kubernetes_grows
        connections = settings.tenants_at_once * _CONNECTIONS_PER_TENANT + _CONNECTIONS_FOR_DRIFT
        server = virtual_cluster_url(settings.k8s_simulator_url, mode)
        simulated = partial(
            connect,
            server=server,
            authority=settings.k8s_simulator_ca_file,
            token_file=settings.k8s_simulator_token_file,
            connections=connections,
        )
        self._clusters = {SIMULATOR: KubernetesAdapter(VIRTUAL_CLUSTERS[mode], simulated)}
        if mode is Mode.PRODUCTION and (settings.kubernetes_config_path or settings.kubernetes_service_host):
            real = partial(connect, kubeconfig=settings.kubernetes_config_path, connections=connections)
            self._clusters[KUBERNETES] = KubernetesAdapter(KUBERNETES, real)

    def check(self, target: str) -> None:
        """Raise UnknownTarget unless `target` exists."""
        if target in self._clusters:
            return
        hint = "; set KUBERNETES_CONFIG_PATH for a real cluster" if self._mode is Mode.PRODUCTION else ""
        possible = ", ".join(self._clusters)
        raise UnknownTarget(f"there is no target {target!r} in mode {self._mode.value}; possible: {possible}{hint}")

    def cluster(self, target: str) -> ClusterApi:
        """The cluster of `target`. Raises UnknownTarget."""
        self.check(target)
        return self._clusters[target]

    def grows(self, target: str) -> str | None:
        """Why the cluster of `target` is known to get nodes as pods need them; None if that isn't known."""
        return "KUBERNETES_GROWS is set" if target == KUBERNETES and self._kubernetes_grows else None

    @property
    def all(self) -> Mapping[str, ClusterApi]:
        """Every cluster of the mode, by target."""
        return dict(self._clusters)

    async def close(self) -> None:
        """Close all connections."""
        for cluster in self._clusters.values():
            await cluster.close()
