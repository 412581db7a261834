"""The whole catalogue, and what it holds against a request.

Everything is checked when it is made: a service that asks for an unknown one, a circle of services that ask each other,
a GPU without a price or a preset out of order stops the start instead of a sizing.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from shared.catalog.checks import check_name, check_requirements
from shared.catalog.choices import check_service_options, chosen_service
from shared.catalog.figures import CatalogRecord, Count, Figure, Sourced
from shared.catalog.hardware import Gpu, Prices
from shared.catalog.services import CatalogService
from shared.choices import ServiceOptions
from shared.tenants import Availability, Duration

_NAME = r"^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$"
"""A service's name becomes that of its Kubernetes objects."""


def _a_part(figure: Figure) -> Figure:
    if figure.value >= 1:
        raise ValueError("must be below 1")
    return figure


class Preset(Sourced):
    """A size of tenant, with the SLA that its operator may promise."""

    max_channels: int | None = Field(default=None, ge=1)
    availability: Availability
    response_time: Duration


class Quality(CatalogRecord):
    """Sizing's goals where a request has none."""

    blocking: Annotated[Figure, AfterValidator(_a_part)]
    """Of the sessions that a blocked service may turn away in the busy hour."""
    slow: Annotated[Figure, AfterValidator(_a_part)]
    """Of the requests that may take longer than the response time: 0.05 is p95."""
    replica_availability: Annotated[Figure, AfterValidator(_a_part)]
    """Of the time that one replica is there, by itself."""


class Catalog(CatalogRecord):
    """All of it. The order of services, GPUs and presets is that of the files, and has a meaning."""

    services: dict[Annotated[str, Field(pattern=_NAME)], CatalogService] = Field(min_length=1)
    gpus: dict[str, Gpu]
    prices: Prices
    presets: dict[str, Preset] = Field(min_length=1)
    quality: Quality
    growth: Figure
    """How far a tenant without a bound has room to grow: times its channels."""
    min_replicas: Count

    def check_requirements(self, requirements: Mapping[str, Any]) -> None:
        """Raise Refused with every problem under `details["errors"]`: unknown services, counts that can't be sized."""
        check_requirements(requirements, {name: each.max_sessions.value for name, each in self.services.items()})

    def check_preset(self, name: str) -> None:
        """Raise Refused with code INVALID_PRESET, and the presets in its details, unless there is one of this name."""
        check_name("preset", name, list(self.presets), "INVALID_PRESET")

    def check_gpu_type(self, name: str) -> None:
        """Raise Refused unless there is such a GPU. Whether it has been measured is checked by the calculator."""
        check_name("gpu_type", name, list(self.gpus), "VALIDATION_ERROR")

    def check_service_options(self, options: Mapping[str, ServiceOptions]) -> None:
        """Raise Refused with every problem under `details["errors"]`: unknown services, choices that can't work."""
        check_service_options(options, self.services)

    def with_choices(self, options: Mapping[str, ServiceOptions]) -> "Catalog":
        """The catalogue of one tenant: its services with the tenant's resources and ports."""
        if not options:
            return self
        chosen = {name: chosen_service(self.services[name], each) for name, each in options.items()}
        return self.model_copy(update={"services": {**self.services, **chosen}})

    @cached_property
    def callers_first(self) -> tuple[str, ...]:
        """The services, each before those that it asks."""
        graph = {name: list(service.asks) for name, service in self.services.items()}
        return tuple(reversed(tuple(TopologicalSorter(graph).static_order())))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [
            *self._dangling(),
            *self._too_large_for_a_node(),
            *self._too_small_for_a_session(),
            *self._presets_out_of_order(),
        ]
        try:
            _ = self.callers_first
        except CycleError as error:
            problems.append(f"services ask each other in a circle: {' -> '.join(error.args[1])}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _dangling(self) -> Iterator[str]:
        for name, service in self.services.items():
            for asked in sorted(service.asks.keys() - self.services.keys()):
                yield f"services.{name}.asks.{asked}: there is no such service"
            for gpu in sorted((service.capacity.per_gpu or {}).keys() - self.gpus.keys()):
                yield f"services.{name}.capacity.per_gpu.{gpu}: there is no such GPU"

    def _too_large_for_a_node(self) -> Iterator[str]:
        for name, service in self.services.items():
            for gpu in sorted((service.capacity.per_gpu or {}).keys() & self.gpus.keys()):
                node = self.gpus[gpu].node
                if service.replica.cpu_request_m * node.gpus > node.cores * 1000 * service.replica.gpus:
                    yield f"services.{name}.replica: asks for more cores than {node.instance} has for each {gpu}"

    def _too_small_for_a_session(self) -> Iterator[str]:
        for name, service in self.services.items():
            per_gpu = service.capacity.per_gpu
            for gpu in per_gpu.keys() if per_gpu else [None]:
                carried = service.carries(gpu)
                if not service.is_serial and carried is not None and carried < 1:
                    yield f"services.{name}.capacity: a replica carries less than one of its {service.unit}"

    def _presets_out_of_order(self) -> Iterator[str]:
        bounds = [preset.max_channels for preset in self.presets.values()]
        if bounds[-1] is not None:
            yield "presets: the last one must be without max_channels, or no preset fits a large tenant"
        bounded = [bound for bound in bounds[:-1] if bound is not None]
        if len(bounded) != len(bounds) - 1 or any(low >= high for low, high in pairwise(bounded)):
            yield "presets: max_channels must rise from one to the next"
