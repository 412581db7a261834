"""What can be set for the embedded stack in the environment: where its data lies, its ports, how many workers run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from embedded.errors import EmbeddedError
from embedded.ports import Port

# Their copies share a durable consumer. The gateway and the simulator have an address of their own and run once.
WORKERS = ("calculator", "manifest", "deployer", "monitor")
# Copy n of a worker listens at its port + 10·(n-1), so that 8011, 8021, 8031 are calculators and 8012, 8022 manifests.
COPY_STEP = 10
MAX_COPIES = 20

PortNumber = Annotated[int, Field(ge=1, le=65535)]


class EmbeddedSettings(BaseSettings):
    """One start's settings. The defaults are the ports of the guides, so that their commands work unchanged."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore", env_ignore_empty=True)

    data_dir: Path = Field(Path(".ecp"), validation_alias="ECP_DATA_DIR")  # everything that outlives a run

    gateway_port: PortNumber = 8001  # REST and WebSockets, as the guides call it
    simulator_port: PortNumber = 6360  # the simulator's Kubernetes API
    simulator_https_port: PortNumber = 6361  # the same by HTTPS, with tokens (`ecp kubeconfig`)
    nats_port: PortNumber = 4222  # the bus
    nats_monitor_port: PortNumber = 8222  # NATS' own health and figures over HTTP
    database_port: PortNumber = 5433  # PostgreSQL of the production mode
    demo_database_port: PortNumber = 5434  # PostgreSQL of the demo mode
    simulator_database_port: PortNumber = 6350  # PostgreSQL of the simulator
    calculator_port: PortNumber = 8011  # health and metrics of the first calculator; a copy's is 10 more
    manifest_port: PortNumber = 8012  # the same of the manifest service
    deployer_port: PortNumber = 8013  # of the deployer
    monitor_port: PortNumber = 8014  # of the monitor

    # A database elsewhere, or the password of the owner of ours.
    database_url: str | None = Field(None, repr=False)  # production's database
    demo_database_url: str | None = Field(None, repr=False)  # the demo mode's
    simulator_database_url: str | None = Field(None, repr=False)  # the simulator's

    scale: Annotated[dict[str, int], NoDecode] = Field(default_factory=dict)  # `calculator=3 manifest=2`

    @classmethod
    def read(cls, **overrides: Any) -> Self:
        """The settings of the environment. Raises EmbeddedError, which names every variable that has a bad value."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            faults = [f"  {str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
            raise EmbeddedError("\n".join(["These settings can't be used:", *faults])) from error

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("scale", mode="before")
    @classmethod
    def _parse_scale(cls, value: object) -> object:
        """`calculator=3 manifest=2` as a dict, with a sentence for everything that isn't that."""
        if not isinstance(value, str):
            return value
        copies = {}
        for word in re.split(r"[\s,]+", value.strip()) if value.strip() else []:
            worker, _, count = word.partition("=")
            if worker not in WORKERS:
                raise ValueError(f"`{word}`: the workers that can have copies are {', '.join(WORKERS)}")
            if not count.isascii() or not count.isdigit() or not 1 <= int(count) <= MAX_COPIES:
                raise ValueError(f"`{word}`: write {worker}=<a number from 1 to {MAX_COPIES}>")
            copies[worker] = int(count)
        return copies

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def simulator_url(self) -> str:
        return f"http://127.0.0.1:{self.simulator_port}"

    @property
    def nats_monitor_url(self) -> str:
        return f"http://127.0.0.1:{self.nats_monitor_port}"

    def nats_url(self, account: str, password: str) -> str:
        """The URL by which `account` reaches the bus."""
        return f"nats://{account}:{password}@127.0.0.1:{self.nats_port}"

    def worker_ports(self, worker: str) -> list[int]:
        """The port of each copy of `worker`."""
        first: int = getattr(self, f"{worker}_port")
        return [first + COPY_STEP * copy for copy in range(self.scale.get(worker, 1))]

    def ports(self) -> Iterator[Port]:
        """Every port that the stack will listen on."""
        yield Port(self.nats_port, "NATS_PORT", "NATS")
        yield Port(self.nats_monitor_port, "NATS_MONITOR_PORT", "NATS monitoring")
        yield Port(self.database_port, "DATABASE_PORT", "PostgreSQL, production mode")
        yield Port(self.demo_database_port, "DEMO_DATABASE_PORT", "PostgreSQL, demo mode")
        yield Port(self.simulator_database_port, "SIMULATOR_DATABASE_PORT", "PostgreSQL of the simulator")
        yield Port(self.simulator_port, "SIMULATOR_PORT", "simulator")
        yield Port(self.simulator_https_port, "SIMULATOR_HTTPS_PORT", "simulator, HTTPS")
        yield Port(self.gateway_port, "GATEWAY_PORT", "gateway")
        for worker in WORKERS:
            for copy, number in enumerate(self.worker_ports(worker), start=1):
                yield Port(number, f"{worker.upper()}_PORT", f"{worker} {copy}")

    def service_environment(self) -> dict[str, str]:
        """What every service reads: where its dependencies are. Its logins to the bus and the databases are its own."""
        ports = {port.variable: str(getattr(self, port.variable.lower())) for port in self.ports()}
        return ports | {
            "ENVIRONMENT": "development",
            # Some shells export HOST as the machine's name.
            "HOST": "127.0.0.1",
            "K8S_SIMULATOR_URL": self.simulator_url,
            "K8S_SIMULATOR_EXTERNAL_URL": self.simulator_url,
            "SIMULATOR_STATE_DIRECTORY": str(self.data_dir / "simulator"),
            # On loopback the gateway is served without TLS, as its own probes expect.
            "TLS_CERTIFICATE_FILE": "",
            "TLS_KEY_FILE": "",
        }
