"""The deployer's settings. No other module of it reads the environment."""

from pathlib import Path

from pydantic import Field

from shared.settings import BusSettings


class DeployerSettings(BusSettings):
    """The variables are the fields' names in upper case."""

    port: int = Field(default=8013, ge=1, le=65535)
    k8s_simulator_url: str = "http://127.0.0.1:6360"
    """The simulator's address, as the guides name it; its virtual clusters are below `/clusters/`."""
    k8s_simulator_ca_file: Path | None = None
    """PEM file of the simulator's certificate authority (`ca.crt`), for an address with https://."""
    k8s_simulator_token_file: Path | None = None
    """File with the token for the simulator by HTTPS; read again when it changes."""
    kubernetes_config_path: Path | None = None
    """A kubeconfig, whose current context is the target `kubernetes`."""
    kubernetes_grows: bool = False
    """Whether the target `kubernetes` gets nodes as pods need them. Then no deployment is refused for lack of room.
    Not needed for an autoscaler that shows (cluster-autoscaler, Karpenter, virtual nodes)."""
    kubernetes_service_host: str | None = None
    """Set by Kubernetes in every pod: then the target `kubernetes` is the cluster that the deployer runs in."""
    tenants_at_once: int = Field(default=64, ge=1, le=1000)
    """Tenants of each mode that one replica reconciles at once. Each needs eight or nine watches, and mostly waits."""
    resync_interval: float = Field(default=30.0, gt=0)
    """Seconds between two lists of all desired states: the longest delay after a watch that stopped unnoticed."""
    takeover_interval: float = Field(default=3.0, gt=0)
    """Seconds between two attempts at a lease that another replica holds: with a lease of 12 s, 15 s at most."""
    takeover_grace: float = Field(default=120.0, gt=0)
    """Seconds that a deployment gets after a takeover, even past its timeout: our own outage must not fail it."""
    failure_grace: float = Field(default=60.0, gt=0)
    """Seconds that a pod's problem may last until the deployment fails: registries and dependencies recover."""
    unschedulable_grace: float = Field(default=300.0, gt=0)
    """Seconds that a pod may have no node: what an autoscaler needs to add a GPU node."""
    capacity_grace: float = Field(default=10.0, gt=0)
    """Seconds that a pod may have no node where there is no room and no node will be added; then its deployment fails
    and names what is short."""
    wait_for_ingress_address: bool = False
    """Whether a deployment waits for the addresses of its Ingresses. Off, because some controllers never set one."""
