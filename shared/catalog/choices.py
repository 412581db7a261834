"""What a tenant chooses for single services, against the catalogue: what can't be, and the services that result."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.catalog.checks import unknown_name
from shared.catalog.services import CatalogService, Discipline, Replica
from shared.choices import ResourceChoice, ServiceOptions
from shared.errors import Refused
from shared.messages import problem, sentence

_FIELD = "service_options"
_LONGEST_NAME = 80


def check_service_options(options: Mapping[str, ServiceOptions], services: Mapping[str, CatalogService]) -> None:
    """Raise Refused, with every problem under `details["errors"]`, for choices that the catalogue's services forbid."""
    problems = [each for name, chosen in options.items() for each in _problems(name, chosen, services)]
    if problems:
        raise Refused(
            "; ".join(f"{each['field']}: {each['message']}" for each in problems), details={"errors": problems}
        )


def chosen_service(service: CatalogService, chosen: ServiceOptions) -> CatalogService:
    """The service with the chosen resources and port in the place of the catalogue's."""
    replica = service.replica if chosen.resources is None else _replica(service.replica, chosen.resources)
    return service.model_copy(update={"port": chosen.port or service.port, "replica": replica})


def _problems(name: str, chosen: ServiceOptions, services: Mapping[str, CatalogService]) -> Iterator[dict[str, Any]]:
    field = f"{_FIELD}.{name[:_LONGEST_NAME]}"
    if name not in services:
        yield problem(field, unknown_name("service", name, list(services)))
        return
    urls = {f"{each.upper().replace('-', '_')}_URL" for each in services}
    if ours := sorted(urls & chosen.environment.keys()):
        english = "{names} can't be chosen: the orchestrator sets it"
        yield problem(f"{field}.environment", sentence("value-variable_reserved", english, names=", ".join(ours)))
    if chosen.resources is not None:
        yield from _resource_problems(name, chosen.resources, services[name])


def _resource_problems(name: str, chosen: ResourceChoice, service: CatalogService) -> Iterator[dict[str, Any]]:
    field = f"{_FIELD}.{name}.resources"
    if chosen.gpu is not None and not service.uses_gpu:
        english = "{service} runs on cores: what it would carry on a GPU has not been measured. Leave gpu out"
        yield problem(f"{field}.gpu", sentence("no-gpu-service", english, service=name))
    figure = service.capacity.per_core
    if figure is None or service.discipline is not Discipline.BLOCKED:
        return
    least = -(-1000 // figure.value)
    if _replica(service.replica, chosen).cpu_request_m < least:
        english = "a replica with less than {least}m of CPU carries none of the {unit} of {service}"
        reason = sentence("too-little-cpu", english, least=least, unit=service.unit, service=name)
        yield problem(f"{field}.requests.cpu", reason)


def _replica(replica: Replica, chosen: ResourceChoice) -> Replica:
    cpu = _pair(chosen.requests.cpu_m, chosen.limits.cpu_m, replica.cpu_request_m, replica.cpu_limit_m)
    memory = _pair(
        chosen.requests.memory_mib, chosen.limits.memory_mib, replica.memory_request_mib, replica.memory_limit_mib
    )
    return replica.model_copy(
        update={
            "cpu_request_m": cpu[0],
            "cpu_limit_m": cpu[1],
            "memory_request_mib": memory[0],
            "memory_limit_mib": memory[1],
            "gpus": chosen.gpu or replica.gpus,
        }
    )


def _pair(request: int | None, limit: int | None, usual_request: int, usual_limit: int) -> tuple[int, int]:
    """Request and limit: of one that isn't chosen, the usual one as far as it fits to the other."""
    if request is None:
        return (usual_request, usual_limit) if limit is None else (min(usual_request, limit), limit)
    return request, max(usual_limit, request) if limit is None else limit
