"""Mode context: the adapters of one mode, built at start.

Whatever is built from a context belongs to its mode, so only the wiring and the handlers of events and requests,
which serve both modes, still deal with a mode.
"""

from dataclasses import dataclass
from functools import partial

from services.monitor.collect.api_server import Endpoint
from services.monitor.collect.promises import DeployedPromises
from services.monitor.collect.sampler import ObservedCluster
from services.monitor.publisher import ObservationPublisher
from services.monitor.settings import MonitorSettings
from shared.bus import Worker
from shared.bus.leases import Leases
from shared.bus.shares import Shares
from shared.database import Database
from shared.kube.targets import KUBERNETES, SIMULATOR, VIRTUAL_CLUSTERS, virtual_cluster_url
from shared.subjects import Bucket, Mode

SAMPLING = "monitor.sampler"
"""The work that the copies of the monitor divide in each mode: sampling tenants and reporting them."""


@dataclass(frozen=True, slots=True)
class ModeContext:
    """The adapters of one mode."""

    mode: Mode
    target: str
    """The deployment target that `cluster` is."""
    cluster: ObservedCluster
    database: Database
    publisher: ObservationPublisher
    share: Shares
    """The tenants that this process samples and reports."""
    promises: DeployedPromises
    leases: Leases


def mode_context(
    mode: Mode, worker: Worker, database: Database, cluster: ObservedCluster, *, target: str, holder: str
) -> ModeContext:
    """The context of `mode`; `holder` names this process in leases."""
    bus = worker.bus(mode)
    leases = Leases(partial(bus.key_value, Bucket.LEASES), holder)
    manifests = partial(bus.key_value, Bucket.MANIFESTS)
    return ModeContext(
        mode=mode,
        target=target,
        cluster=cluster,
        database=database,
        publisher=ObservationPublisher(mode, bus),
        share=Shares(leases, SAMPLING, mode.bucket(Bucket.LEASES), lambda: worker.jetstream),
        promises=DeployedPromises(mode.bucket(Bucket.APPLIED), target, lambda: worker.jetstream, manifests),
        leases=leases,
    )


def observed_endpoint(mode: Mode, settings: MonitorSettings) -> Endpoint:
    """The API server of a mode's cluster: in production the kubeconfig's, if one is set; otherwise the simulator's."""
    if observed_target(mode, settings) == KUBERNETES:
        return Endpoint("production", kubeconfig=settings.kubeconfig)
    return Endpoint(
        VIRTUAL_CLUSTERS[mode],
        server=virtual_cluster_url(settings.k8s_simulator_url, mode),
        authority=settings.k8s_simulator_ca_file,
        token_file=settings.k8s_simulator_token_file,
    )


def observed_target(mode: Mode, settings: MonitorSettings) -> str:
    """The deployment target that the monitor samples in a mode."""
    return KUBERNETES if mode is Mode.PRODUCTION and settings.kubeconfig is not None else SIMULATOR
