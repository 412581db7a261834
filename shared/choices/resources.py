"""Requests and limits of one replica, as quantities of Kubernetes: `500m`, `2`, `1Gi`."""

from collections.abc import Callable
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.choices.names import as_text, no_boolean, shown
from shared.kube.quantities import QuantityError, milli, whole
from shared.messages import sentence, unfit
from shared.model import Model

_MIB = 2**20
_LEAST_CPU_M, _MOST_CPU_M = 50, 256_000
_LEAST_MIB, _MOST_MIB = 128, 4 * 2**20
"""The least is the minimum of the tenant's LimitRange, the most that of any machine that can be rented."""
_MOST_GPUS = 16


def cpu_millicores(quantity: str) -> int:
    """`500m` is 500, `0.5` too. Raises QuantityError."""
    return milli(quantity)


def memory_mib(quantity: str) -> int:
    """`1Gi` is 1024; rounded up. Raises QuantityError."""
    return -(-whole(quantity) // _MIB)


def _amount(text: str, read: Callable[[str], int]) -> int | None:
    try:
        return read(text)
    except QuantityError:
        return None


def _check_cpu(value: str) -> str:
    amount = _amount(value, cpu_millicores)
    if amount is None or not _LEAST_CPU_M <= amount <= _MOST_CPU_M:
        english = "{value} is not an amount of CPU from 50m to 256: write cores or millicores, as 2 or 500m"
        raise unfit(sentence("value-not_an_amount_of_cpu", english, value=shown(value)))
    return value


def _check_memory(value: str) -> str:
    amount = _amount(value, memory_mib)
    if amount is None or not _LEAST_MIB <= amount <= _MOST_MIB:
        english = "{value} is not an amount of memory from 128Mi to 4Ti: write a number and a unit, as 512Mi or 2Gi"
        raise unfit(sentence("value-not_an_amount_of_memory", english, value=shown(value)))
    return value


_LONGEST = 64
Cpu = Annotated[
    str,
    BeforeValidator(as_text),
    AfterValidator(_check_cpu),
    Field(json_schema_extra={"example": "500m", "maxLength": _LONGEST}),
]
Memory = Annotated[
    str,
    BeforeValidator(as_text),
    AfterValidator(_check_memory),
    Field(json_schema_extra={"example": "1Gi", "maxLength": _LONGEST}),
]


class ComputeAmounts(Model):
    """CPU and memory of one replica."""

    cpu: Cpu | None = None
    memory: Memory | None = None

    @property
    def cpu_m(self) -> int | None:
        """Millicores."""
        return None if self.cpu is None else cpu_millicores(self.cpu)

    @property
    def memory_mib(self) -> int | None:
        return None if self.memory is None else memory_mib(self.memory)


class ResourceChoice(Model):
    """What one replica requests and may use. Of a request and a limit, the one that isn't chosen follows the other."""

    requests: ComputeAmounts = ComputeAmounts()
    limits: ComputeAmounts = ComputeAmounts()
    gpu: Annotated[int, Field(ge=1, le=_MOST_GPUS), BeforeValidator(no_boolean)] | None = None
    """Whole GPUs of a replica, of a service that runs on GPUs."""

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        pairs = {
            "cpu": (self.requests.cpu_m, self.limits.cpu_m),
            "memory": (self.requests.memory_mib, self.limits.memory_mib),
        }
        for resource, (request, limit) in pairs.items():
            if request is not None and limit is not None and request > limit:
                english = "requests.{resource} is larger than limits.{resource}"
                raise unfit(sentence("value-request_above_limit", english, resource=resource))
        return self
