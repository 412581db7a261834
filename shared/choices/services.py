"""What a tenant chooses for one of its services."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.choices.images import Image
from shared.choices.names import HealthPath, Percent, Port, ReplicaCount, VariableName, as_text, check_printable
from shared.choices.resources import ResourceChoice
from shared.messages import sentence, unfit
from shared.model import Model

OUR_VARIABLES = frozenset({"TENANT_ID", "SERVICE_TYPE", "REDIS_URL", "CREDENTIALS_PATH", "RECORDINGS_PATH"})
"""Variables that rendering sets, besides the `<SERVICE>_URL` of the catalogue's services."""
_MOST_VARIABLES, _LONGEST_VALUE = 64, 4096
_LONGEST_ENVIRONMENT = 32 * 1024
"""Characters of one service: every event of a deployment and its manifest carry all of it."""


def _text_of(value: Any) -> Any:
    """A number or a boolean as YAML would write it."""
    return str(value).lower() if isinstance(value, bool) else as_text(value)


VariableValue = Annotated[
    str, BeforeValidator(_text_of), AfterValidator(check_printable), Field(max_length=_LONGEST_VALUE)
]


def _check_environment(environment: dict[str, str]) -> dict[str, str]:
    if ours := sorted(OUR_VARIABLES & environment.keys()):
        english = "{names} can't be chosen: the orchestrator sets it"
        raise unfit(sentence("value-variable_reserved", english, names=", ".join(ours)))
    if sum(map(len, environment.values())) > _LONGEST_ENVIRONMENT:
        english = "all values together have more than {most} characters: put long ones into a file or a volume"
        raise unfit(sentence("value-environment_too_long", english, most=_LONGEST_ENVIRONMENT))
    return environment


Environment = Annotated[
    dict[VariableName, VariableValue], Field(max_length=_MOST_VARIABLES), AfterValidator(_check_environment)
]
"""As Kubernetes reads it: `$(NAME)` in a value is another variable's value, `$$(NAME)` is that text itself."""


class Autoscaling(Model):
    """The HorizontalPodAutoscaler of a service. What isn't chosen is sized."""

    enabled: bool = True
    min_replicas: ReplicaCount | None = None
    """The replicas at rest, in the place of `replicas`."""
    max_replicas: ReplicaCount | None = None
    target_cpu_percent: Percent | None = None
    """Of the CPU requests, in use on average; above it replicas are added."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_replicas and self.max_replicas and self.min_replicas > self.max_replicas:
            english = "min_replicas {least} is above max_replicas {most}"
            reason = sentence("value-bounds_crossed", english, least=self.min_replicas, most=self.max_replicas)
            raise unfit(reason)
        if not self.enabled and (self.min_replicas or self.max_replicas or self.target_cpu_percent):
            english = "enabled is false, so the other fields have no effect: leave them out, or set replicas"
            raise unfit(sentence("value-autoscaling_off", english))
        return self


class HealthPaths(Model):
    """Paths of the service's own health checks, by HTTP on its port."""

    liveness: HealthPath | None = None
    readiness: HealthPath | None = None
    startup: HealthPath | None = None
    """None: that of liveness."""


class ServiceOptions(Model):
    """What is chosen for one service; everything that is left out is sized, or is the catalogue's."""

    image: Image | None = None
    environment: Environment = Field(default_factory=dict)
    replicas: ReplicaCount | None = None
    """Instead of the sized number: the fixed number, or with an autoscaler the replicas at rest."""
    autoscaling: Autoscaling | None = None
    resources: ResourceChoice | None = None
    health: HealthPaths | None = None
    port: Port | None = None
    """The port that its container listens on."""

    @model_validator(mode="after")
    def _replicas_within_bounds(self) -> Self:
        scaling = self.autoscaling
        if self.replicas is None or scaling is None:
            return self
        if scaling.max_replicas is not None and self.replicas > scaling.max_replicas:
            english = "replicas {replicas} is above autoscaling.max_replicas {most}"
            reason = sentence(
                "value-replicas_above_maximum", english, replicas=self.replicas, most=scaling.max_replicas
            )
            raise unfit(reason)
        if scaling.min_replicas is not None and self.replicas != scaling.min_replicas:
            english = (
                "replicas {replicas} and autoscaling.min_replicas {least} differ, and both are the replicas at rest: "
                "give one of them"
            )
            raise unfit(sentence("value-replicas_twice", english, replicas=self.replicas, least=scaling.min_replicas))
        return self

    @property
    def fixed_replicas(self) -> int | None:
        """The chosen replicas at rest, or None if they are sized."""
        return self.replicas or (self.autoscaling.min_replicas if self.autoscaling else None)


_LONGEST_TOTAL = 128 * 1024
_MOST_SERVICES = 50


def _check_total(options: dict[str, ServiceOptions]) -> dict[str, ServiceOptions]:
    total = sum(len(value) for each in options.values() for value in each.environment.values())
    if total > _LONGEST_TOTAL:
        english = "the environments of all services have more than {most} characters: put long values into files"
        raise unfit(sentence("value-environments_too_long", english, most=_LONGEST_TOTAL))
    return options


OptionsByService = Annotated[dict[str, ServiceOptions], Field(max_length=_MOST_SERVICES), AfterValidator(_check_total)]
"""By the catalogue's name of a service. Whether it has such a service is checked against the catalogue."""
