"""A manifest as checks see it: objects with their places, pods with their workloads, and look-ups by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.reading.yaml_text import Pointer

Obj = dict[str, Any]
CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "IngressClass",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
    }
)
_TEMPLATE: Pointer = ("spec", "template")
_TEMPLATES: Mapping[str, Pointer] = {
    "Deployment": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "Job": _TEMPLATE,
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}


@dataclass(slots=True)
class Item:
    """One object. `value` is its normal form once it has been decoded; `base` leads to it within its document."""

    number: int
    document: int
    base: Pointer
    value: Obj
    api_version: str
    kind: str
    namespace: str
    name: str
    typed: bool = False
    """Whether it has been decoded. What hasn't may hold anything anywhere, and only its name is known."""

    @property
    def title(self) -> str:
        """As a person names it: `Deployment ecp-ai-x/callbot`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Container(NamedTuple):
    """A container of a pod; `pointer` leads to it from the object."""

    value: Obj
    pointer: Pointer
    initial: bool

    @property
    def name(self) -> str:
        return str(self.value.get("name", ""))


@dataclass(frozen=True)
class Pods:
    """The pods of one object."""

    item: Item
    labels: Mapping[str, str]
    spec: Obj
    pointer: Pointer
    """To the pod's spec."""
    containers: tuple[Container, ...]

    @property
    def replicas(self) -> int:
        """From the object; a DaemonSet's depend on the cluster and count as one."""
        spec = self.item.value.get("spec") or {}
        if self.item.kind in {"Deployment", "StatefulSet", "ReplicaSet"}:
            return int(spec.get("replicas", 1))
        return int(spec.get("parallelism") or 1) if self.item.kind == "Job" else 1


class Ports(NamedTuple):
    """Numbers and names that are declared; `open` where a pod declares none, and so may listen on any number."""

    declared: frozenset[int | str]
    open: bool

    def has(self, port: Any) -> bool:
        return port in self.declared or (self.open and isinstance(port, int))


@dataclass
class Manifest:
    """All objects, indexed."""

    items: list[Item]
    pods: list[Pods] = field(default_factory=list)
    _by_name: dict[tuple[str, str, str], Item] = field(default_factory=dict)
    _scalers: dict[tuple[str, str, str], Item] = field(default_factory=dict)

    _pods_in: dict[str, list[Pods]] = field(default_factory=dict)
    _selected: dict[tuple[str, str], list[Pods]] = field(default_factory=dict)
    _ports: dict[tuple[str, str], Ports] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for item in self.items:
            key = (item.kind, item.namespace, item.name)
            # Of two kinds of one name (Knative has a Service, too) the one that is known is Kubernetes' own.
            if key not in self._by_name or (item.typed and not self._by_name[key].typed):
                self._by_name[key] = item
            if item.typed and (found := _pods(item)) is not None:
                self.pods.append(found)
                self._pods_in.setdefault(item.namespace, []).append(found)
            if item.typed and item.kind == "HorizontalPodAutoscaler":
                target = (item.value.get("spec") or {}).get("scaleTargetRef") or {}
                self._scalers[(str(target.get("kind")), item.namespace, str(target.get("name")))] = item

    def find(self, kind: str, namespace: str, name: str) -> Item | None:
        return self._by_name.get((kind, namespace, name))

    def scaler(self, item: Item) -> Item | None:
        """The HorizontalPodAutoscaler of a workload."""
        return self._scalers.get((item.kind, item.namespace, item.name))

    def of_kind(self, *kinds: str) -> Iterator[Item]:
        """Those of these kinds that have been decoded."""
        return (item for item in self.items if item.typed and item.kind in kinds)

    def pods_in(self, namespace: str) -> list[Pods]:
        return self._pods_in.get(namespace, [])

    def selected(self, namespace: str, selector: Any) -> list[Pods]:
        """Pods of a namespace that a LabelSelector matches; none for no selector. Remembered: many may ask the same."""
        key = (namespace, repr(selector))
        if key not in self._selected:
            self._selected[key] = [each for each in self.pods_in(namespace) if matches(selector, each.labels)]
        return self._selected[key]

    def ports(self, namespace: str, selector: Any) -> Ports:
        """What the pods that a LabelSelector matches listen on."""
        key = (namespace, repr(selector))
        if key not in self._ports:
            self._ports[key] = _ports(self.selected(namespace, selector))
        return self._ports[key]


def _ports(chosen: list[Pods]) -> Ports:
    declared: set[int | str] = set()
    is_open = False
    for pods in chosen:
        own = [port for container in pods.containers for port in container.value.get("ports") or ()]
        declared.update(value for port in own for value in (port.get("containerPort"), port.get("name")) if value)
        is_open = is_open or not own
    return Ports(frozenset(declared), is_open)


def matches(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects these labels: None selects nothing, an empty one everything."""
    if not isinstance(selector, dict):
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(rule, labels) for rule in selector.get("matchExpressions") or ())


def _holds(rule: Obj, labels: Mapping[str, str]) -> bool:
    key, values = rule.get("key"), rule.get("values") or ()
    return {
        "In": labels.get(str(key)) in values,
        "NotIn": labels.get(str(key)) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(str(rule.get("operator")), False)


def _pods(item: Item) -> Pods | None:
    if item.kind not in _TEMPLATES:
        return None
    template: Any = item.value
    for token in _TEMPLATES[item.kind]:
        template = template.get(token) if isinstance(template, dict) else None
    if not isinstance(template, dict) or not isinstance(template.get("spec"), dict):
        return None
    spec, pointer = template["spec"], (*_TEMPLATES[item.kind], "spec")
    labels = (template.get("metadata") or {}).get("labels") or {}
    containers = tuple(
        Container(value, (*pointer, kind, index), initial=kind == "initContainers")
        for kind in ("initContainers", "containers")
        for index, value in enumerate(spec.get(kind) or ())
    )
    return Pods(item, labels, spec, pointer, containers)
