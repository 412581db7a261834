"""The monitor's environment variables."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from shared.alerts.destinations import email_problem
from shared.database.settings import DatabaseSettings
from shared.secret_files import latest
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
    notification_group_interval: float = Field(default=10.0, ge=0, le=3600)
    """Seconds that an alert waits for others of its tenant before the `actions` of its rule are done. Receivers that
    are made over REST have an interval of their own."""
    allow_private_webhooks: bool | None = None
    """Whether notifications may go to private and loopback addresses; unset: in development only. A cloud's metadata
    service is refused always."""
    smtp_host: str | None = None
    """The SMTP server for e-mails; without one they wait."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` sends everything readable, a password too: for a server on the same machine only."""
    smtp_username: str | None = None
    smtp_password: str | None = Field(default=None, repr=False)
    """Read again for each e-mail where it is in a file."""
    smtp_from: str = "ecp@localhost"
    """The sender of e-mails."""

    outside_roles_path: Path | None = None
    """The gateway's file with the role and the tenants of other systems: which of them may measure which tenant."""

    @field_validator("smtp_from")
    @classmethod
    def _plain_sender(cls, value: str) -> str:
        if email_problem(value) is not None:
            raise ValueError("write a plain e-mail address, as ecp@example.com")
        return value

    @model_validator(mode="after")
    def _no_readable_password(self) -> Self:
        if self.environment == "production" and self.smtp_password is not None and self.smtp_security == "none":
            raise ValueError("SMTP_SECURITY=none would send SMTP_PASSWORD readable; use starttls or tls")
        return self

    @property
    def private_webhooks(self) -> bool:
        """Whether notifications may go to private addresses."""
        allowed = self.allow_private_webhooks
        return self.environment == "development" if allowed is None else allowed

    def latest_smtp_password(self) -> str | None:
        """SMTP_PASSWORD as its file is now, if it has one."""
        return latest(self, "smtp_password")

    @property
    def kubeconfig(self) -> Path | None:
        """The kubeconfig of production's cluster; None if production uses the simulator."""
        return self.monitor_kubernetes_config_path or self.kubernetes_config_path
