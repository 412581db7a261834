"""What can be set of a service that others reach by HTTP."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from shared.http.connections import ConnectionLimits
from shared.http.origins import DEVELOPMENT_ORIGINS, Rules, host_pattern, origin_text
from shared.settings import ServiceSettings

_BODY_GRACE = 2.0
"""Seconds for a service's own answer to a body that is late."""


class HttpSettings(ServiceSettings):
    """Hosts, origins, bounds and deadlines."""

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names by which the service is reached, besides addresses, `localhost`, names without a dot, `*.svc` and
    `*.svc.cluster.local`: `ecp.example.com,*.ecp.example.com`. Any other is refused, since a web page could use it."""
    cors_origins: Annotated[tuple[str, ...] | None, NoDecode] = None
    """Origins of other web pages that may use it: `https://ui.example.com`. Unset, in development http on `localhost`
    and `127.0.0.1`, ports 3000 and 6390; in production none."""
    max_connections: int = Field(default=1000, ge=16)
    """Connections at once, fewer where the process has few descriptors. More are answered 503, except for `/health`."""
    header_timeout: float = Field(default=10.0, gt=0)
    """Seconds until the head of a request must be there."""
    body_timeout: float = Field(default=30.0, gt=0)
    """Seconds until its body must be there: 1 MiB at 35 KB/s."""

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _separate(cls, value: object) -> object:
        """Separated by commas."""
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("allowed_hosts")
    @classmethod
    def _usable_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(host_pattern, value))

    @field_validator("cors_origins")
    @classmethod
    def _usable_origins(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if value is None else tuple(map(origin_text, value))

    def limits(self, kept_descriptors: int) -> ConnectionLimits:
        """Bounds of connections; `kept_descriptors` are for databases, files and the like."""
        return ConnectionLimits(
            self.max_connections, kept_descriptors, self.header_timeout, self.body_timeout + _BODY_GRACE
        )

    @property
    def rules(self) -> Rules:
        """Which hosts and origins are served."""
        default = () if self.environment == "production" else DEVELOPMENT_ORIGINS
        return Rules(self.allowed_hosts, default if self.cors_origins is None else self.cors_origins)
