"""The simulator's settings; no other module of it reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.http.origins import parse_authority
from shared.http.settings import HttpSettings
from shared.identity.settings import IdentitySettings


class SimulatorSettings(HttpSettings, IdentitySettings):
    """Variables have the prefix `SIMULATOR_`; `PORT` works too, because supervisors set it for every service.

    Hosts, origins, deadlines and the identity provider are those of the gateway, under the same names.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    host: str = Field(default="127.0.0.1", validation_alias="SIMULATOR_HOST")
    """Address to listen on. Loopback, because SIMULATOR_PORT has no authentication."""
    port: int = Field(default=6360, ge=1, le=65535, validation_alias=AliasChoices("SIMULATOR_PORT", "PORT"))
    """TCP port of the Kubernetes API and of the product's endpoints."""
    https_port: int | None = Field(default=None, ge=1, le=65535, validation_alias="SIMULATOR_HTTPS_PORT")
    """TCP port of the same by HTTPS, with bearer tokens; the guides' is 6361. Unset, there is none."""
    state_directory: Path | None = Field(default=None, validation_alias="SIMULATOR_STATE_DIRECTORY")
    """Folder of the certificate authority and the tokens of HTTPS. Without it they are new at each start."""
    https_names: Annotated[tuple[str, ...], NoDecode] = Field(default=(), validation_alias="SIMULATOR_HTTPS_NAMES")
    """Further names and addresses in the certificate, separated by commas: `simulator.example.com,10.0.0.5`."""
    rbac: bool = Field(default=False, validation_alias="SIMULATOR_RBAC")
    """Whether requests by HTTPS need the rights of roles and bindings, as in Kubernetes; else a token is enough."""
    tls_certificate_file: Path | None = Field(default=None, validation_alias="SIMULATOR_TLS_CERTIFICATE_FILE")
    """PEM file with a certificate for SIMULATOR_HTTPS_PORT, instead of one of the simulator's own authority."""
    tls_key_file: Path | None = Field(default=None, validation_alias="SIMULATOR_TLS_KEY_FILE")
    """PEM file with its key."""
    max_connections: int = Field(default=4096, ge=16, validation_alias="SIMULATOR_MAX_CONNECTIONS")
    """Concurrent connections (a watch is one); fewer if the process has few file descriptors."""
    connections_per_address: int = Field(default=2048, ge=8, validation_alias="SIMULATOR_CONNECTIONS_PER_ADDRESS")
    """Of those the connections of one address, except this machine's: the deployer alone has a watch for each kind of
    object of each tenant that it deploys."""
    database_url: str | None = Field(default=None, repr=False, validation_alias="SIMULATOR_DATABASE_URL")
    """`postgresql://user:password@host:port/name`. Without it, state is in memory and lost when the process ends."""
    speed: float = Field(default=1.0, gt=0, le=1000, validation_alias="SIMULATOR_SPEED")
    """Factor by which delays in the virtual clusters (image pulls, starts) are shorter than in real time."""
    seed: int = Field(default=0, validation_alias="SIMULATOR_SEED")
    """Seed of all randomness in the clusters: the same seed gives the same delays."""
    write_timeout: float = Field(default=5.0, gt=0, validation_alias="SIMULATOR_WRITE_TIMEOUT")
    """Seconds that a write waits for the database before it is answered 503; shorter than any client's own timeout."""
    graceful_timeout: int = Field(default=3, ge=1, validation_alias="SIMULATOR_GRACEFUL_TIMEOUT")
    """Seconds that a stop waits for open requests."""

    @field_validator("https_names", mode="before")
    @classmethod
    def _separate_names(cls, value: object) -> object:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("https_names")
    @classmethod
    def _usable_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if parse_authority(f"[{name}]" if ":" in name else name) is None:
                raise ValueError(f"{name!r} is neither the name of a host nor an address")
        return value

    @property
    def hsts(self) -> int | None:
        """Only what is set, since this service has a port without TLS beside the one with it."""
        return self.hsts_seconds
