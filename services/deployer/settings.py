"""What the deployer reads from the environment; nothing else in it does."""

from pathlib import Path

from pydantic import Field

from shared.settings import BusSettings


class DeployerSettings(BusSettings):
    """The variables are the fields' names in upper case."""

    port: int = Field(default=8013, ge=1, le=65535)
    k8s_simulator_url: str = "http://127.0.0.1:6360"
    """The simulator's address, as the guides name it; its virtual clusters are below `/clusters/`."""
    kubernetes_config_path: Path | None = None
    """A kubeconfig, whose current context is the target `kubernetes`."""
    kubernetes_grows: bool = False
    """Whether the target `kubernetes` gets nodes as pods need them. Then nothing is refused or failed for want of room
    now. An autoscaler that shows (cluster-autoscaler, Karpenter, virtual nodes) needs no setting."""
    kubernetes_service_host: str | None = None
    """Set by Kubernetes in every pod: then the target `kubernetes` is the cluster that we run in."""
    tenants_at_once: int = Field(default=64, ge=1, le=1000)
    """Tenants of each mode that one copy works at. Each costs about six watches, and most of its time is waiting."""
    resync_interval: float = Field(default=30.0, gt=0)
    """Seconds between two looks at everything that is desired: what a lost watch costs at most."""
    takeover_interval: float = Field(default=3.0, gt=0)
    """Seconds between two tries for a lease that another copy holds: with a lease's 12 s, a takeover within 15 s."""
    takeover_grace: float = Field(default=120.0, gt=0)
    """Seconds that a deployment gets after a takeover, even past its time: our own outage must not fail it."""
    failure_grace: float = Field(default=60.0, gt=0)
    """Seconds that a pod's error may last until the deployment fails: registries and dependants do come back."""
    unschedulable_grace: float = Field(default=300.0, gt=0)
    """Seconds that a pod may have no node: what an autoscaler needs to bring a GPU node."""
    capacity_grace: float = Field(default=10.0, gt=0)
    """Seconds that a pod may have no node where there is no room for it, and no nodes will come: then its deployment
    fails, naming what is short."""
    wait_for_ingress_address: bool = False
    """Whether an Ingress without an address keeps a deployment waiting. Off, since some controllers never set one."""
