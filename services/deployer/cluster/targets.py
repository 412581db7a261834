"""Which clusters there are: a target's name and a mode give one.

Demo and production never share a cluster: the simulator has a virtual one for each, and a real one is production's.
"""

from functools import partial

from services.deployer.cluster.api import ClusterApi
from services.deployer.cluster.kubernetes import KubernetesAdapter
from services.deployer.settings import DeployerSettings
from shared.errors import PermanentError
from shared.kube.client import connect
from shared.subjects import Mode

SIMULATOR = "simulator"
KUBERNETES = "kubernetes"
_VIRTUAL_CLUSTERS = {Mode.PRODUCTION: "default", Mode.DEMO: "demo"}
_CONNECTIONS_A_TENANT = 8
"""A watch for each of about six kinds, and what is asked beside them."""


_CONNECTIONS_FOR_DRIFT = 24
"""A watch for each kind that a manifest can have."""


class UnknownTarget(PermanentError):
    """A target that isn't there in this mode; the message says which are."""

    code = "UNKNOWN_TARGET"


class TargetClusters:
    """One client for each cluster, made at its first use."""

    def __init__(self, settings: DeployerSettings) -> None:
        self._kubernetes_grows = settings.kubernetes_grows
        connections = settings.tenants_at_once * _CONNECTIONS_A_TENANT + _CONNECTIONS_FOR_DRIFT
        self._clusters: dict[tuple[Mode, str], KubernetesAdapter] = {
            (mode, SIMULATOR): _simulated(settings.k8s_simulator_url, name, connections)
            for mode, name in _VIRTUAL_CLUSTERS.items()
        }
        if settings.kubernetes_config_path or settings.kubernetes_service_host:
            kubeconfig = settings.kubernetes_config_path
            real = KubernetesAdapter(KUBERNETES, partial(connect, kubeconfig=kubeconfig, connections=connections))
            self._clusters[(Mode.PRODUCTION, KUBERNETES)] = real

    def check(self, mode: Mode, target: str) -> None:
        """Raise UnknownTarget unless `target` is possible."""
        if (mode, target) in self._clusters:
            return
        possible = ", ".join(name for each, name in self._clusters if each is mode)
        hint = "; set KUBERNETES_CONFIG_PATH for a real cluster" if mode is Mode.PRODUCTION else ""
        raise UnknownTarget(f"there is no target {target!r} in mode {mode.value}; possible: {possible}{hint}")

    def cluster(self, mode: Mode, target: str) -> ClusterApi:
        """The cluster of `target`. Raises UnknownTarget."""
        self.check(mode, target)
        return self._clusters[(mode, target)]

    def grows(self, target: str) -> str | None:
        """Why the cluster of `target` is known to get nodes as pods need them; None if that isn't known."""
        return "KUBERNETES_GROWS is set" if target == KUBERNETES and self._kubernetes_grows else None

    @property
    def all(self) -> dict[tuple[Mode, str], ClusterApi]:
        """Every cluster that there is, by mode and target."""
        return dict(self._clusters)

    async def close(self) -> None:
        """Close all connections."""
        for cluster in self._clusters.values():
            await cluster.close()


def _simulated(url: str, name: str, connections: int) -> KubernetesAdapter:
    server = f"{url.rstrip('/')}/clusters/{name}"
    return KubernetesAdapter(name, partial(connect, server=server, connections=connections))
