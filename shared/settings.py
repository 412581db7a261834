"""Settings that several services have in common. Each service derives one frozen object of its own.

The environment is read here and in each service's `settings.py`, nowhere else. A bad value stops the start
with a sentence that names the variable (`load`).
"""

import sys
from typing import Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound=BaseSettings)

EXAMPLE_PASSWORDS = frozenset({"tryout", "ecp_password", "ecp_demo_password", "k8s_password"})
"""Those of .env.example, which everybody knows."""


class ServiceSettings(BaseSettings):
    """What every service reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

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

    nats_url: str = "nats://127.0.0.1:4222"
    """The bus, with this service's own account: `nats://<service>:<password>@<host>:4222`."""
    publish_timeout: float = Field(default=5.0, gt=0)
    """Seconds until a publish without an acknowledgement counts as an outage. The client's own 0.5 s is
    shorter than a leader election in a NATS cluster."""
    max_attempts: int = Field(default=8, ge=1)
    """Deliveries of a message until it becomes a dead letter; back-off included about two minutes."""
    graceful_timeout: float = Field(default=25.0, gt=0)
    """Seconds that a stop waits for handlers in flight: below Kubernetes' 30 s until SIGKILL."""
    otel_exporter_otlp_endpoint: str | None = None
    """Where traces go; without it nothing is traced, since tracing costs half of the throughput."""


def load(settings: type[S]) -> S:
    """Read the environment, or end the process with a sentence that names the variable. Its value may be secret."""
    try:
        return settings()
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, each["loc"])).upper(), each["msg"]))) for each in error.errors()
        )
        sys.exit(f"The environment is not usable: {problems}. Correct it and start again.")
