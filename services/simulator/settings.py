"""The simulator's settings; no other module of it reads the environment."""

from __future__ import annotations

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from shared.http.settings import HttpSettings


class SimulatorSettings(HttpSettings):
    """Variables have the prefix `SIMULATOR_`; `PORT` works too, because supervisors set it for every service.

    Hosts, origins and deadlines are those of the gateway, under the same names.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    host: str = Field(default="127.0.0.1", validation_alias="SIMULATOR_HOST")
    """Address to listen on. Loopback, because the API has no authentication."""
    port: int = Field(default=6360, ge=1, le=65535, validation_alias=AliasChoices("SIMULATOR_PORT", "PORT"))
    """TCP port of the Kubernetes API and of the product's endpoints."""
    max_connections: int = Field(default=4096, ge=16, validation_alias="SIMULATOR_MAX_CONNECTIONS")
    """Concurrent connections (a watch is one); fewer if the process has few file descriptors."""
    database_url: str | None = Field(default=None, validation_alias="SIMULATOR_DATABASE_URL")
    """`postgresql://user:password@host:port/name`. Without it, state is in memory and lost when the process ends."""
    speed: float = Field(default=1.0, gt=0, le=1000, validation_alias="SIMULATOR_SPEED")
    """Factor by which delays in the virtual clusters (image pulls, starts) are shorter than in real time."""
    seed: int = Field(default=0, validation_alias="SIMULATOR_SEED")
    """Seed of all randomness in the clusters: the same seed gives the same delays."""
    write_timeout: float = Field(default=5.0, gt=0, validation_alias="SIMULATOR_WRITE_TIMEOUT")
    """Seconds that a write waits for the database before it is answered 503; shorter than any client's own timeout."""
    graceful_timeout: int = Field(default=3, ge=1, validation_alias="SIMULATOR_GRACEFUL_TIMEOUT")
    """Seconds that a stop waits for open requests."""
