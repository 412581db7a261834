"""What a tenant chooses for its cluster, and what operators set as the defaults of a target."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.choices.images import Registry
from shared.choices.names import HostName, LabelKey, LabelValue, ObjectName, check_printable, no_boolean
from shared.kube.placement import GPU_PRODUCT
from shared.messages import sentence, unfit
from shared.model import Model

_OURS = frozenset({"app", "app.kubernetes.io/instance", "nginx.ingress.kubernetes.io/ssl-redirect"})
_OUR_DOMAINS = (
    "ecp.ai",
    "simulator.ecp.ai",
    "kubernetes.io",
    "k8s.io",
    "pod-security.kubernetes.io",
    "apparmor.security.beta.kubernetes.io",
    "container.apparmor.security.beta.kubernetes.io",
    "seccomp.security.alpha.kubernetes.io",
    "container.seccomp.security.alpha.kubernetes.io",
    "scheduler.alpha.kubernetes.io",
    "volume.kubernetes.io",
    "volume.beta.kubernetes.io",
    "deployment.kubernetes.io",
    "kubectl.kubernetes.io",
    "prometheus.io",
    "cert-manager.io",
    "polaris.fairwinds.com",
)
"""Prefixes of labels and annotations that rendering, Kubernetes or a controller that we rely on sets."""
_CODE = "-snippet"
"""The end of the ingress controller's annotations that insert configuration, which would be for all tenants."""
_BEYOND = frozenset(
    {
        "external-dns.alpha.kubernetes.io/hostname",
        "nginx.ingress.kubernetes.io/auth-proxy-set-headers",
        "nginx.ingress.kubernetes.io/auth-secret",
        "nginx.ingress.kubernetes.io/auth-tls-secret",
        "nginx.ingress.kubernetes.io/custom-headers",
        "nginx.ingress.kubernetes.io/fastcgi-params-configmap",
        "nginx.ingress.kubernetes.io/proxy-ssl-secret",
        "nginx.ingress.kubernetes.io/server-alias",
    }
)
"""Annotations that reach beyond the tenant: to hosts that it hasn't claimed, and to objects of other namespaces."""
MOST_ENTRIES = 16
LONGEST_METADATA = 2048
"""Characters of all labels and annotations: each of a tenant's hundred objects has all of them."""


def _check_not_ours(entries: dict[str, str]) -> dict[str, str]:
    ours = [key for key in entries if key in _OURS or key.rpartition("/")[0] in _OUR_DOMAINS or key.endswith(_CODE)]
    if ours:
        english = "{names} can't be chosen: the orchestrator or Kubernetes sets it; use a prefix of your own"
        raise unfit(sentence("value-label_reserved", english, names=", ".join(sorted(ours)[:5])))
    if beyond := sorted(_BEYOND & entries.keys()):
        english = "{names} can't be chosen: it reaches hosts or objects of other tenants; leave it out"
        raise unfit(sentence("value-annotation_beyond", english, names=", ".join(beyond)))
    return entries


def _check_selector(selector: dict[str, str]) -> dict[str, str]:
    if GPU_PRODUCT in selector:
        english = "{name} can't be chosen here: it follows from gpu_type"
        raise unfit(sentence("value-gpu_label_reserved", english, name=GPU_PRODUCT))
    return selector


Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=MOST_ENTRIES), AfterValidator(_check_not_ours)]
Annotations = Annotated[
    dict[LabelKey, Annotated[str, Field(max_length=1024), AfterValidator(check_printable)]],
    Field(max_length=MOST_ENTRIES),
    AfterValidator(_check_not_ours),
]
NodeSelector = Annotated[dict[LabelKey, LabelValue], Field(max_length=MOST_ENTRIES), AfterValidator(_check_selector)]


class Toleration(Model):
    """A taint of nodes that the pods tolerate, as in Kubernetes."""

    key: LabelKey | None = None
    """None, with `Exists`: every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """None: every effect."""
    toleration_seconds: Annotated[int, Field(ge=0, le=2**31 - 1), BeforeValidator(no_boolean)] | None = None
    """How long a pod stays after a NoExecute taint; None: for ever."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise unfit(sentence("value-toleration_value", "with the operator Exists there is no value: leave it out"))
        if self.operator == "Equal" and self.key is None:
            english = "without a key the operator must be Exists, which tolerates every taint"
            raise unfit(sentence("value-toleration_key", english))
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise unfit(sentence("value-toleration_seconds", "toleration_seconds needs the effect NoExecute"))
        return self

    def rendered(self) -> dict[str, Any]:
        """As it stands in a pod's spec."""
        fields = {
            "key": self.key,
            "operator": self.operator,
            "value": self.value,
            "effect": self.effect,
            "tolerationSeconds": self.toleration_seconds,
        }
        return {name: value for name, value in fields.items() if value is not None}


class IngressOptions(Model):
    """The Ingress of the tenant's entry points; it is rendered with the option `include_ingress`."""

    class_name: ObjectName | None = None
    """The IngressClass."""
    host: HostName | None = None
    """None: `<tenant>.<INGRESS_DOMAIN>`."""
    tls_secret: ObjectName | None = None
    """A Secret with a certificate, in the tenant's namespace. None: cert-manager makes one."""
    controller_namespace: ObjectName | None = None
    """Where the class's controller runs: its pods alone may reach the entry points."""


class ClusterOptions(Model):
    """How the tenant fits into its cluster. What is left out is the target's default, or the settings'."""

    registry: Registry | None = None
    """For all images that don't name a registry themselves."""
    image_pull_secrets: Annotated[tuple[ObjectName, ...], Field(max_length=8)] | None = None
    """Secrets of the tenant's namespace with the registry's login."""
    storage_class: ObjectName | None = None
    """The StorageClass of volumes. It can't be changed after the first deployment."""
    shared_storage_class: ObjectName | None = None
    """That of volumes which several nodes write to (recordings)."""
    node_selector: NodeSelector | None = None
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] | None = None
    runtime_class: ObjectName | None = None
    """The RuntimeClass of all pods."""
    gpu_runtime_class: ObjectName | None = None
    """That of pods with a GPU, as `nvidia`."""
    ingress: IngressOptions = IngressOptions()
    labels: Labels = Field(default_factory=dict)
    """Of all objects and pods, beside ours. A change restarts the pods."""
    annotations: Annotations = Field(default_factory=dict)

    @model_validator(mode="after")
    def _short_enough(self) -> Self:
        entries = (*self.labels.items(), *self.annotations.items())
        if sum(len(key) + len(value) for key, value in entries) > LONGEST_METADATA:
            english = "labels and annotations have more than {most} characters; every object has all of them"
            raise unfit(sentence("value-labels_too_long", english, most=LONGEST_METADATA))
        return self

    def over(self, defaults: "ClusterOptions") -> "ClusterOptions":
        """These options, with `defaults` where nothing is chosen. Labels and annotations of both add up.

        They may be too many together, which isn't checked here: what is stored must be shown, whatever the defaults.
        """
        added = {
            "ingress": defaults.ingress.model_copy(update=_given(self.ingress)),
            "labels": {**defaults.labels, **self.labels},
            "annotations": {**defaults.annotations, **self.annotations},
        }
        return defaults.model_copy(update=_given(self) | added)


_ADDED_UP = ("ingress", "labels", "annotations")


def _given(options: Model) -> dict[str, Any]:
    return {name: value for name, value in options if value is not None and name not in _ADDED_UP}
