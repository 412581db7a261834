"""What `/health` and `/ready` of a service answer, besides what single services add."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from shared.model import Model
from shared.version import VERSION

AVAILABLE = "ok"
HEALTHY = "healthy"


def now() -> datetime:
    """The time of an answer."""
    return datetime.now(UTC)


class ServiceStatus(Model):
    """The service that answers, and its checks: `ok`, or what is wrong."""

    service: str = Field(examples=["gateway"])
    version: str = VERSION
    timestamp: AwareDatetime = Field(default_factory=now)
    checks: dict[str, str] = Field(default_factory=dict, examples=[{"NATS": AVAILABLE}])


class Health(ServiceStatus):
    """Whether the process works. If it doesn't, it should be restarted."""

    status: str = Field(examples=["healthy"])

    @property
    def is_good(self) -> bool:
        return self.status == HEALTHY


class Readiness(ServiceStatus):
    """Whether the service can serve. `missing` has each unavailable dependency with the reason."""

    status: Literal["ready", "not ready"]
    ready: bool
    missing: dict[str, str] = Field(examples=[{}])


def checks_of(names: list[str], missing: Mapping[str, str]) -> dict[str, str]:
    """Each check by name: `ok`, or the reason why it fails."""
    return {name: missing.get(name, AVAILABLE) for name in names}
