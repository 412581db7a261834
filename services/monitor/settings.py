"""The monitor's environment variables."""

from pathlib import Path

from pydantic import Field

from shared.database.settings import DatabaseSettings
from shared.settings import BusSettings


class MonitorSettings(BusSettings, DatabaseSettings):
    """The monitor's settings."""

    port: int = Field(default=8014, ge=1, le=65535)
    """The port of `/health`, `/ready` and `/metrics`."""
    k8s_simulator_url: str = "http://127.0.0.1:6360"
    """The simulator: its cluster `demo` in demo mode, and `default` in production without a kubeconfig."""
    k8s_simulator_ca_file: Path | None = None
    """PEM file of the simulator's certificate authority (`ca.crt`), for an address with https://."""
    k8s_simulator_token_file: Path | None = None
    """File with the token for the simulator by HTTPS; read again when it changes."""
    kubernetes_config_path: Path | None = None
    """The kubeconfig file of production's cluster."""
    monitor_kubernetes_config_path: Path | None = None
    """A kubeconfig for the monitor only, with a read-only account; unset: `KUBERNETES_CONFIG_PATH`."""
    cluster_timeout: float = Field(default=4.0, gt=0, lt=5)
    """Seconds for one read of a cluster. Below a slice's 5 s, so that a hanging read costs only one slice."""
    sla_interval: float = Field(default=30.0, gt=0)
    """Seconds between two `sla.reported` of a tenant whose state doesn't change; longer with many tenants, so that a
    monitor publishes at most ten of these a second."""
    monitoring_endpoint: str | None = None
    """A Prometheus server such as http://prometheus:9090: latency, errors and GPU use of production's tenants."""
    monitoring_queries: dict[str, str] | None = None
    """PromQL by metric (JSON), instead of the default queries."""
    raw_hours: int = Field(default=48, ge=2)
    """Hours to keep the monitor's own samples. Afterwards only means and maxima remain."""
    rollup_days: int = Field(default=400, ge=31)
    """Days to keep the means and maxima by minute, five minutes and hour: a year, and a month to compare with."""
    rollup_interval: float = Field(default=300.0, gt=0)
    """Seconds between two passes that roll up and remove samples."""
    statistics_hour: int = Field(default=17, ge=0, le=23)
    """The hour (UTC) after which the planner's statistics are refreshed once a day; 17 is 02:00 in Seoul."""

    recovery_attempts: int = Field(default=3, ge=0, le=20)
    """Restarts of a tenant that is reported as down, within the window below; 0 never restarts one, and escalates."""
    recovery_window: float = Field(default=3600.0, gt=0)
    """Seconds in which `RECOVERY_ATTEMPTS` restarts of a tenant are permitted."""
    recovery_look_after: float = Field(default=300.0, gt=0)
    """Seconds from such a restart to the look whether the tenant is up again."""

    outside_roles_path: Path | None = None
    """The gateway's file with the role and the tenants of other systems: which of them may measure which tenant."""

    @property
    def kubeconfig(self) -> Path | None:
        """The kubeconfig of production's cluster; None if production uses the simulator."""
        return self.monitor_kubernetes_config_path or self.kubernetes_config_path
