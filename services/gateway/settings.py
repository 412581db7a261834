"""What the gateway reads from the environment."""

from pathlib import Path

from pydantic import Field

from shared.database.settings import DatabaseSettings
from shared.http.connections import ConnectionLimits
from shared.http.settings import HttpSettings
from shared.settings import BusSettings
from shared.subjects import Mode


class Settings(BusSettings, DatabaseSettings, HttpSettings):
    """The gateway's settings."""

    port: int = Field(default=8001, ge=1, le=65535)
    """The guides' API port."""
    kubernetes_config_path: Path | None = None
    """A kubeconfig; with one, production deploys to that cluster unless told otherwise. The gateway doesn't read it."""
    kubernetes_enabled: bool = False
    """The same without a file: production has a cluster, whose kubeconfig only the deployer and the monitor have."""
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    """Bytes of a request's body. NATS takes 1 MiB a message, and no event of ours is as large as its request."""
    rpc_timeout: float = Field(default=2.0, gt=0)
    """Seconds that a worker has to answer a question; sizing takes milliseconds."""
    max_sockets: int = Field(default=500, ge=1)
    """Open WebSockets, at most three quarters of the connections: the rest is for REST. More are answered 503."""
    socket_pool_size: int = Field(default=3, ge=1, le=100)
    """Connections to each database for the first reading of sockets, besides DATABASE_POOL_SIZE."""
    socket_queue: int = Field(default=256, ge=1)
    """Messages that may wait for a slow WebSocket; what comes on top is counted and not sent."""
    replay_messages: int = Field(default=2000, ge=1)
    """Recent messages of a stream that are kept in memory for sockets that connect; 1 to 10 KB each."""
    outbox_poll: float = Field(default=2.0, gt=0)
    """Seconds between two looks at the outbox when no notification came."""
    stream_check: float = Field(default=5.0, gt=0)
    """Seconds between two looks at the streams, and at deployments of which nothing is heard."""
    republish_after: float = Field(default=30.0, gt=0)
    """Seconds without a sign of a deployment, and with idle workers, until its request is published again; the pause
    doubles with each time."""
    idempotency_hours: int = Field(default=24, ge=1)
    """Hours that a first answer is kept for its Idempotency-Key."""
    event_days: int = Field(default=90, ge=1)
    """Days that the log of a deployment is kept."""
    manifest_days: int = Field(default=90, ge=45)
    """Days that a manifest is kept which nothing needs any more. At least 45: an event that names it can be on its way,
    a dead letter and replayed for 44."""
    stop_timeout: int = Field(default=3, ge=0)
    """Seconds that a stop gives to requests in flight and open sockets."""
    redis_url: str | None = Field(default=None, repr=False)
    k8s_simulator_redis_url: str | None = Field(default=None, repr=False)
    """The guides' variables. Accepted and not used: JetStream's key-value does what the guides do with Redis."""

    @property
    def connection_limits(self) -> ConnectionLimits:
        """Bounds of the HTTP side: both databases' pools, their sessions, NATS and files need descriptors, too."""
        return self.limits(len(Mode) * (self.database_pool_size + self.socket_pool_size + 2) + 40)

    @property
    def unused(self) -> list[str]:
        """Variables that are set and have no effect."""
        named = {"REDIS_URL": self.redis_url, "K8S_SIMULATOR_REDIS_URL": self.k8s_simulator_redis_url}
        return [name for name, value in named.items() if value is not None]

    @property
    def has_kubernetes(self) -> bool:
        """Whether production has a cluster of its own."""
        return self.kubernetes_enabled or self.kubernetes_config_path is not None
