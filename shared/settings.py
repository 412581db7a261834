"""Settings that several services have in common. Each service derives one frozen object of its own.

The environment is read here and in each service's `settings.py`, nowhere else. A bad value stops the start
with a sentence that names the variable (`load`).
"""

import ssl
import sys
from pathlib import Path
from typing import Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.secret_files import SecretFiles, latest

S = TypeVar("S", bound=BaseSettings)

EXAMPLE_PASSWORDS = frozenset({"tryout", "ecp_password", "ecp_demo_password", "k8s_password"})
"""Those of .env.example, which everybody knows."""


class ServiceSettings(BaseSettings):
    """What every service reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Secrets may be in files, too: `DATABASE_URL_FILE`."""
        return (init_settings, env_settings, SecretFiles(settings_cls))

    environment: Literal["development", "production"] = "development"
    """In production no password has a default, and none of .env.example is taken."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least that is logged."""

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        """Many shells have `LOG_LEVEL=debug`."""
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _no_known_password_in_production(self) -> Self:
        urls = {name: value for name, value in self if isinstance(value, str) and "://" in value}
        for name, url in urls.items():
            if self.environment == "production" and urlsplit(url).password in EXAMPLE_PASSWORDS:
                raise ValueError(f"the password in {name.upper()} is the example's; production needs one of its own")
        return self

    host: str = "127.0.0.1"
    """Address to listen on. Loopback, because a service that listens further needs authentication first."""
    port: int = Field(default=8000, ge=1, le=65535)
    """TCP port of the service's HTTP side: `/health`, `/ready`, `/metrics`."""


class BusSettings(ServiceSettings):
    """What a service on the bus reads."""

    nats_url: str = Field(default="nats://127.0.0.1:4222", repr=False)
    """The bus, with this service's own account: `nats://<service>:<password>@<host>:4222`; `tls://` for TLS."""
    nats_ca_file: Path | None = None
    """PEM file of the authorities of NATS' certificate, where the system's don't know it. Only with `tls://`."""
    nats_certificate_file: Path | None = None
    """PEM file with this service's own certificate, where NATS asks for one (mutual TLS)."""
    nats_key_file: Path | None = None
    """PEM file with its key."""
    nats_tls_first: bool = True
    """Whether TLS begins before NATS sends anything (its `handshake_first`). Without it an attacker in between could
    ask for a connection without TLS, and get the password."""
    publish_timeout: float = Field(default=5.0, gt=0)
    """Seconds until a publish without an acknowledgement counts as an outage. The client's own 0.5 s is
    shorter than a leader election in a NATS cluster."""
    max_attempts: int = Field(default=8, ge=1)
    """Deliveries of a message until it becomes a dead letter; back-off included about two minutes."""
    graceful_timeout: float = Field(default=25.0, gt=0)
    """Seconds that a stop waits for handlers in flight: below Kubernetes' 30 s until SIGKILL."""
    otel_exporter_otlp_endpoint: str | None = None
    """Where traces go; without it nothing is traced, since tracing costs half of the throughput."""

    @model_validator(mode="after")
    def _usable_tls(self) -> Self:
        files = (self.nats_ca_file, self.nats_certificate_file, self.nats_key_file)
        if any(files) and urlsplit(self.nats_url).scheme != "tls":
            raise ValueError("NATS_CA_FILE, NATS_CERTIFICATE_FILE and NATS_KEY_FILE need a NATS_URL with tls://")
        if (self.nats_certificate_file is None) != (self.nats_key_file is None):
            raise ValueError("NATS_CERTIFICATE_FILE and NATS_KEY_FILE belong together: set both, or neither")
        try:
            self.nats_tls()
        except (OSError, ValueError) as error:
            raise ValueError(f"NATS_CA_FILE, NATS_CERTIFICATE_FILE, NATS_KEY_FILE: {error}") from error
        return self

    def nats_tls(self) -> ssl.SSLContext | None:
        """How NATS' certificate is checked, and what we show of our own; None without TLS. Raises OSError."""
        if urlsplit(self.nats_url).scheme != "tls":
            return None
        context = ssl.create_default_context(cafile=self.nats_ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.nats_certificate_file is not None:
            context.load_cert_chain(self.nats_certificate_file, self.nats_key_file, password="")
        return context

    def latest_nats_url(self) -> str:
        """NATS_URL as its file is now, if it has one."""
        return latest(self, "nats_url")


def load(settings: type[S]) -> S:
    """Read the environment, or end the process with a sentence that names the variable. Its value may be secret."""
    try:
        return settings()
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, each["loc"])).upper(), each["msg"]))) for each in error.errors()
        )
        sys.exit(f"The environment is not usable: {problems}. Correct it and start again.")
    except ValueError as error:
        sys.exit(f"The environment is not usable: {error}. Correct it and start again.")
