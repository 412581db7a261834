"""What the monitor reads from its environment."""

from pathlib import Path

from pydantic import Field

from shared.database.settings import DatabaseSettings
from shared.settings import BusSettings


class Settings(BusSettings, DatabaseSettings):
    """The monitor's settings."""

    port: int = Field(default=8014, ge=1, le=65535)
    k8s_simulator_url: str = "http://127.0.0.1:6360"
    """The simulator: its cluster `demo` in demo mode, and `default` in production without a kubeconfig."""
    kubernetes_config_path: Path | None = None
    """A kubeconfig file: the cluster of production."""
    monitor_kubernetes_config_path: Path | None = None
    """Another kubeconfig for the monitor alone, whose account may only read; without it, the one above."""
    cluster_timeout: float = Field(default=4.0, gt=0, lt=5)
    """Seconds for one reading of a cluster. Below a slice's 5 s, so that one that hangs costs no other slice."""
    sla_interval: float = Field(default=30.0, gt=0)
    """Seconds between two `sla.reported` of a tenant whose state doesn't change: what a person waits for."""
    monitoring_endpoint: str | None = None
    """A Prometheus server, e.g. http://prometheus:9090: latency, errors and GPUs of production's tenants."""
    monitoring_queries: dict[str, str] | None = None
    """PromQL by metric, instead of ours (JSON)."""
    raw_hours: int = Field(default=48, ge=2)
    """Hours that samples are kept; after that their means and maxima by minute, five minutes and hour are."""
    rollup_days: int = Field(default=400, ge=31)
    """Days that those are kept: a year, and a month to compare with."""
    rollup_interval: float = Field(default=300.0, gt=0)
    """Seconds between two passes that roll up and remove."""

    @property
    def kubeconfig(self) -> Path | None:
        """The kubeconfig of production's cluster; None where production is the simulator's."""
        return self.monitor_kubernetes_config_path or self.kubernetes_config_path
