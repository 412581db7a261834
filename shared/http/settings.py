"""What can be set of a service that others reach by HTTP."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from shared.http.addresses import LOOPBACK, Network
from shared.http.connections import ConnectionLimits
from shared.http.origins import DEVELOPMENT_ORIGINS, Rules, host_pattern, origin_text
from shared.http.security_headers import YEAR
from shared.http.tls import ServerCertificate, UnusableCertificate
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
    tls_certificate_file: Path | None = None
    """PEM file with the certificate and its chain: the service then serves HTTPS, TLS 1.2 or newer. Read again within
    5 s of a change; open connections stay."""
    tls_key_file: Path | None = None
    """PEM file with the certificate's key, without a passphrase; readable for the service only."""
    hsts_seconds: int | None = Field(default=None, ge=0)
    """Seconds for which browsers use only HTTPS (Strict-Transport-Security), for all ports. Unset, a year if
    the gateway serves HTTPS. Set it where a proxy ends TLS; 0 makes browsers forget it."""
    max_connections: int = Field(default=1000, ge=16)
    """Connections at once, fewer where the process has few descriptors. More are answered 503, except for `/health`."""
    connections_per_address: int = Field(default=250, ge=8)
    """Of those the connections of one address (IPv6: of one /64), except this machine's and those of TRUSTED_PROXIES.
    Raise it where a proxy or NAT that isn't trusted stands before all clients."""
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

    @model_validator(mode="after")
    def _usable_certificate(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS_CERTIFICATE_FILE and TLS_KEY_FILE belong together: set both, or neither")
        try:
            self.certificate()
        except UnusableCertificate as error:
            raise ValueError(f"TLS_CERTIFICATE_FILE, TLS_KEY_FILE: {error.message}") from error
        return self

    def certificate(self) -> ServerCertificate | None:
        """The certificate to serve with; None without TLS. Raises UnusableCertificate."""
        if self.tls_certificate_file is None or self.tls_key_file is None:
            return None
        return ServerCertificate(self.tls_certificate_file, self.tls_key_file)

    @property
    def hsts(self) -> int | None:
        """Seconds in Strict-Transport-Security; None sends no such header."""
        is_default = self.hsts_seconds is None and self.tls_certificate_file is not None
        return YEAR if is_default else self.hsts_seconds

    def limits(self, kept_descriptors: int) -> ConnectionLimits:
        """Bounds of connections; `kept_descriptors` are for databases, files and the like."""
        return ConnectionLimits(
            self.max_connections,
            kept_descriptors,
            self.header_timeout,
            self.body_timeout + _BODY_GRACE,
            per_address=self.connections_per_address,
            shared_addresses=(*LOOPBACK, *self.proxy_networks),
        )

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """Proxies that are trusted: none where a service has no setting for them."""
        return ()

    @property
    def rules(self) -> Rules:
        """Which hosts and origins are served."""
        default = () if self.environment == "production" else DEVELOPMENT_ORIGINS
        return Rules(self.allowed_hosts, default if self.cors_origins is None else self.cors_origins)
