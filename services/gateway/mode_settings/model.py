"""What can be set, with its defaults. Each field tells where it acts, or that it is a record for the page. Pure."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from shared.kube.targets import KUBERNETES, SIMULATOR
from shared.messages import sentence, unfit
from shared.tenants import Availability, Model, SlaTarget

_LONGEST_ADDRESS = 500
_NOT_AN_ADDRESS = sentence(
    "value-not_an_address", "must be an address that begins with http:// or https://, without user and password"
)
_GUIDES_NAMES = {
    "deploymentMethod": "deployment_method",
    "deploymentEndpoint": "deployment_endpoint",
    "simulatorUrl": "simulator_url",
    "validationStrict": "validation_strict",
    "monitoringStack": "monitoring_stack",
    "customApiEndpoint": "custom_api_endpoint",
    "slaTarget": "sla_target",
    "realTimeMonitoring": "real_time_monitoring",
    "dataCollectionInterval": "data_collection_interval",
}
"""The guides' page sends these."""


def _check_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or not value.isprintable() or " " in value:
        raise unfit(_NOT_AN_ADDRESS)
    return value


def in_our_names(section: Any) -> Any:
    """A section with the names of the guides' page replaced by ours, which have precedence."""
    if not isinstance(section, dict):
        return section
    given = {_GUIDES_NAMES[name]: each for name, each in section.items() if name in _GUIDES_NAMES}
    return {**given, **{name: each for name, each in section.items() if name not in _GUIDES_NAMES}}


Address = Annotated[str, AfterValidator(_check_address), Field(max_length=_LONGEST_ADDRESS)]
DeploymentMethod = Literal["k8s-simulator", "direct", "argocd", "helm", "webhook"]


class KubernetesSettings(Model):
    """How tenants are deployed, and how strictly manifests are validated."""

    deployment_method: DeploymentMethod | None = None
    """Acts: the target of a tenant whose creation names none. `k8s-simulator` is the simulator, `direct` the cluster of
    this mode. The others are a record for the page. null: the mode's default."""
    deployment_endpoint: Address | None = None
    """A record for the page: the server connects only to addresses of its environment."""
    simulator_url: Address | None = None
    """A record for the page, as a link to the simulator."""
    validation_strict: bool = True
    """Acts: `strict_validation` of a validation that doesn't choose it."""


class MonitoringSettings(Model):
    """How tenants are monitored, and what new tenants are promised."""

    monitoring_stack: Literal["prometheus-grafana", "datadog", "newrelic", "custom"] = "prometheus-grafana"
    """A record for the page."""
    custom_api_endpoint: Address | None = None
    """A record for the page: the server doesn't connect to it."""
    sla_target: Availability = SlaTarget().availability
    """Acts: the availability that a tenant is promised if its creation names none."""
    real_time_monitoring: bool = True
    """A record for the page: whether it opens a WebSocket."""
    data_collection_interval: Annotated[int, Field(ge=1, le=3600)] | None = None
    """Acts: seconds between two messages of a monitoring WebSocket that doesn't choose an interval. null: each sample.
    The monitor itself samples every 5 s whatever is set: an SLA is counted in these slices, also over months."""


class ModeSettings(Model):
    """The settings of one mode."""

    kubernetes: KubernetesSettings = KubernetesSettings()
    monitoring: MonitoringSettings = MonitoringSettings()

    @property
    def target(self) -> str | None:
        """The target that `deployment_method` stands for."""
        return {"k8s-simulator": SIMULATOR, "direct": KUBERNETES}.get(self.kubernetes.deployment_method or "")


class KubernetesChange(Model):
    """Absent fields stay unchanged; null resets one to its default."""

    deployment_method: DeploymentMethod | None = None
    deployment_endpoint: Address | None = None
    simulator_url: Address | None = None
    validation_strict: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_our_names(cls, fields: Any) -> Any:
        return in_our_names(fields)


class MonitoringChange(Model):
    """Absent fields stay unchanged; null resets one to its default."""

    monitoring_stack: Literal["prometheus-grafana", "datadog", "newrelic", "custom"] | None = None
    custom_api_endpoint: Address | None = None
    sla_target: Availability | None = None
    real_time_monitoring: bool | None = None
    data_collection_interval: Annotated[int, Field(ge=1, le=3600)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_our_names(cls, fields: Any) -> Any:
        return in_our_names(fields)


class SettingsChange(Model):
    """A change of the settings. Absent fields stay unchanged; null resets a field or a section to its default."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kubernetes": {
                        "deployment_method": "k8s-simulator",
                        "deployment_endpoint": "http://localhost:6360",
                        "simulator_url": "http://localhost:6390",
                        "validation_strict": True,
                    },
                    "monitoring": {
                        "monitoring_stack": "custom",
                        "custom_api_endpoint": "http://localhost:6360/api/metrics",
                        "sla_target": "99.5%",
                        "real_time_monitoring": True,
                    },
                }
            ]
        }
    )

    kubernetes: KubernetesChange | None = None
    monitoring: MonitoringChange | None = None
