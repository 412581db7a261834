"""The gateway's settings, read from the environment."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from shared.choices import ClusterOptions, parse_defaults
from shared.database.direct import MOST_CONNECTIONS
from shared.database.settings import DatabaseSettings
from shared.http.addresses import Network, proxy_network
from shared.http.connections import ConnectionLimits
from shared.http.settings import HttpSettings
from shared.identity.settings import IdentitySettings
from shared.settings import BusSettings
from shared.subjects import Mode


class GatewaySettings(BusSettings, DatabaseSettings, HttpSettings, IdentitySettings):
    """The gateway's settings."""

    port: int = Field(default=8001, ge=1, le=65535)
    """The documented API port."""
    kubernetes_config_path: Path | None = None
    """A kubeconfig; with one, production deploys to that cluster by default. The gateway itself doesn't read it."""
    kubernetes_enabled: bool = False
    """The same without a file: production has a cluster, and only the deployer and the monitor have its kubeconfig."""
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    """Bytes of the largest request body. NATS accepts messages of 1 MiB, and an event is smaller than its request."""
    rpc_timeout: float = Field(default=2.0, gt=0)
    """Seconds that a worker has for an answer; sizing takes milliseconds."""
    max_sockets: int = Field(default=500, ge=1)
    """Open WebSockets, at most three quarters of all connections; the rest is for REST. More are answered with 503."""
    sockets_per_caller: int = Field(default=100, ge=1)
    """Of those the sockets of one person or key; more are closed with 1013 (TOO_MANY_SOCKETS)."""
    sockets_per_address: int = Field(default=200, ge=1)
    """And those of one address (IPv6: of one /64), not of this machine. Behind TRUSTED_PROXIES the client counts."""
    socket_pool_size: int = Field(default=3, ge=1, le=100)
    """Connections to each database for the snapshots of sockets, besides DATABASE_POOL_SIZE."""
    socket_queue: int = Field(default=256, ge=1)
    """Messages that may wait for a slow WebSocket; further ones are counted and not sent."""
    replay_messages: int = Field(default=2000, ge=1)
    """Recent messages of a stream that are kept in memory for new sockets; 1 to 10 KB each."""
    outbox_poll: float = Field(default=2.0, gt=0)
    """Seconds between two checks of the outbox without a notification."""
    stream_check: float = Field(default=5.0, gt=0)
    """Seconds between two checks for lost messages and for deployments without events."""
    republish_after: float = Field(default=30.0, gt=0)
    """Seconds without an event of a deployment, while the workers are idle, until its request is published again; the
    pause doubles each time."""
    idempotency_hours: int = Field(default=24, ge=1)
    """Hours that the first answer to an Idempotency-Key is kept."""
    event_days: int = Field(default=90, ge=1)
    """Days that the log of a deployment is kept."""
    manifest_days: int = Field(default=90, ge=45)
    """Days that an unreferenced manifest is kept. At least 45: an event that refers to it may be in transit, a dead
    letter and replayed for 44."""
    cluster_defaults_path: Path | None = None
    """A TOML file with the defaults of tenants' `cluster_options`, a table for each target (docs/choices.md)."""
    socket_recheck: float = Field(default=5.0, gt=0, le=60)
    """Seconds between two checks of whether the caller of an open WebSocket still has its rights."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses or networks of reverse proxies, `10.0.0.5,10.1.0.0/16`: only their X-Forwarded-For counts."""
    rate_limits: Literal["auto", "on", "off"] = "auto"
    """Whether calls are limited by a rate; `auto` is as authentication. Each process counts for itself."""
    identity_rate: int = Field(default=1200, ge=1)
    """Calls a minute of one person or key."""
    address_rate: int = Field(default=6000, ge=1)
    """Calls a minute of one address (IPv6: of one /64), of all its callers: a company may have one for all."""
    failed_rate: int = Field(default=30, ge=1)
    """Credentials a minute of one address that prove nothing."""
    calls_at_once: int = Field(default=20, ge=1)
    """Calls in work, of each mode for reads and for writes; more than twice DATABASE_POOL_SIZE only wait for it."""
    calls_waiting: int = Field(default=100, ge=0)
    """Calls that wait for those, in their order; further ones are answered 503 at once."""
    call_wait: float = Field(default=2.0, gt=0)
    """Seconds that a call waits at most."""
    outside_roles_path: Path | None = None
    """A JSON file with the role and the tenants of other systems on the bus (docs/access.md). The monitor reads it too.
    Without one, each of them may do everything."""
    stop_timeout: int = Field(default=3, ge=0)
    """Seconds that a stop waits for requests in flight and open sockets."""
    redis_url: str | None = Field(default=None, repr=False)
    k8s_simulator_redis_url: str | None = Field(default=None, repr=False)
    """Documented variables, accepted and ignored: JetStream key-value is used instead of Redis."""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _separate_proxies(cls, value: object) -> object:
        """Separated by commas."""
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _usable_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            proxy_network(each)
        return value

    @model_validator(mode="after")
    def _readable_defaults(self) -> Self:
        try:
            _ = self.cluster_defaults
        except (OSError, ValueError) as error:
            raise ValueError(f"CLUSTER_DEFAULTS_PATH={self.cluster_defaults_path}: {error}") from error
        return self

    @cached_property
    def cluster_defaults(self) -> Mapping[str, ClusterOptions]:
        """The defaults of tenants' `cluster_options` by target, read once."""
        path = self.cluster_defaults_path
        return {} if path is None else parse_defaults(path.read_text(encoding="utf-8"))

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The trusted proxies."""
        return tuple(map(proxy_network, self.trusted_proxies))

    @property
    def connection_limits(self) -> ConnectionLimits:
        """Limits of HTTP connections: the database pools and sessions, NATS and files need descriptors, too."""
        return self.limits(len(Mode) * (self.database_pool_size + self.socket_pool_size + MOST_CONNECTIONS + 2) + 40)

    @property
    def unused(self) -> list[str]:
        """Variables that are set and ignored."""
        named = {"REDIS_URL": self.redis_url, "K8S_SIMULATOR_REDIS_URL": self.k8s_simulator_redis_url}
        return [name for name, value in named.items() if value is not None]

    @property
    def has_kubernetes(self) -> bool:
        """Whether production has a cluster of its own."""
        return self.kubernetes_enabled or self.kubernetes_config_path is not None
