"""What the simulator reads from the environment; nothing else in it does."""

from __future__ import annotations

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from shared.http.settings import HttpSettings


class SimulatorSettings(HttpSettings):
    """The variables have `SIMULATOR_` in front; `PORT` is taken too, because every service's supervisor may set it.

    Hosts, origins and deadlines are the gateway's, under the same names.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    host: str = Field(default="127.0.0.1", validation_alias="SIMULATOR_HOST")
    """Address to listen on. Loopback, because the API asks nobody who they are."""
    port: int = Field(default=6360, ge=1, le=65535, validation_alias=AliasChoices("SIMULATOR_PORT", "PORT"))
    """TCP port of the Kubernetes API and of the product's own paths beside it; the documented one."""
    max_connections: int = Field(default=4096, ge=16, validation_alias="SIMULATOR_MAX_CONNECTIONS")
    """Connections at once, each watch being one; fewer where the process has few file descriptors."""
    database_url: str | None = Field(default=None, validation_alias="SIMULATOR_DATABASE_URL")
    """`postgresql://user:password@host:port/name`. Without it everything lives in memory and ends with the process."""
    speed: float = Field(default=1.0, gt=0, le=1000, validation_alias="SIMULATOR_SPEED")
    """How much faster than real the delays of the virtual clusters pass (image pulls, starts); a plain factor."""
    seed: int = Field(default=0, validation_alias="SIMULATOR_SEED")
    """Start of all randomness in the clusters: the same seed gives the same delays."""
    write_timeout: float = Field(default=5.0, gt=0, validation_alias="SIMULATOR_WRITE_TIMEOUT")
    """Seconds that a write waits for the database until it is answered 503: shorter than any client's own time-out."""
    graceful_timeout: int = Field(default=3, ge=1, validation_alias="SIMULATOR_GRACEFUL_TIMEOUT")
    """Seconds that a stop waits for open requests. Watches never end by themselves, so this is what a stop takes."""
