"""The model of a manifest for checks: objects with pointers into the text, pods, and look-ups by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.kube.objects import Obj, selector_matches
from shared.reading.yaml_text import Pointer

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
class ManifestObject:
    """One object. `value` is in normal form once it is decoded; `base` is its pointer within its document."""

    number: int
    document: int
    base: Pointer
    value: Obj
    api_version: str
    kind: str
    namespace: str
    name: str
    typed: bool = False
    """Whether it was decoded. Otherwise only its name is known, and its fields may have any type."""

    @property
    def title(self) -> str:
        """Its name in messages: `Deployment ecp-ai-x/callbot`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Container(NamedTuple):
    """A container of a pod; `pointer` is relative to the object."""

    value: Obj
    pointer: Pointer
    initial: bool

    @property
    def name(self) -> str:
        """Its name; empty if it has none."""
        return str(self.value.get("name", ""))


@dataclass(frozen=True)
class Pods:
    """The pods of one object."""

    item: ManifestObject
    labels: Mapping[str, str]
    spec: Obj
    pointer: Pointer
    """The pointer of the pod's spec, relative to the object."""
    containers: tuple[Container, ...]

    @property
    def replicas(self) -> int:
        """The object's replicas; 1 for a DaemonSet, whose number depends on the cluster."""
        spec = self.item.value.get("spec") or {}
        if self.item.kind in {"Deployment", "StatefulSet", "ReplicaSet"}:
            return int(spec.get("replicas", 1))
        return int(spec.get("parallelism") or 1) if self.item.kind == "Job" else 1


class ListeningPorts(NamedTuple):
    """Declared port numbers and names. `open` if a pod declares none, and so may listen on any number."""

    declared: frozenset[int | str]
    open: bool

    def has(self, port: Any) -> bool:
        """Whether a pod may listen on this number or name."""
        return port in self.declared or (self.open and isinstance(port, int))


@dataclass
class Manifest:
    """All objects, indexed."""

    items: list[ManifestObject]
    pods: list[Pods] = field(default_factory=list)
    _by_name: dict[tuple[str, str, str], ManifestObject] = field(default_factory=dict)
    _scalers: dict[tuple[str, str, str], ManifestObject] = field(default_factory=dict)

    _pods_in: dict[str, list[Pods]] = field(default_factory=dict)
    _selected: dict[tuple[str, str], list[Pods]] = field(default_factory=dict)
    _ports: dict[tuple[str, str], ListeningPorts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for item in self.items:
            key = (item.kind, item.namespace, item.name)
            # If two groups have a kind of one name (Knative also has a Service), Kubernetes' own is the decoded one.
            if key not in self._by_name or (item.typed and not self._by_name[key].typed):
                self._by_name[key] = item
            if item.typed and (found := _pods(item)) is not None:
                self.pods.append(found)
                self._pods_in.setdefault(item.namespace, []).append(found)
            if item.typed and item.kind == "HorizontalPodAutoscaler":
                target = (item.value.get("spec") or {}).get("scaleTargetRef") or {}
                self._scalers[(str(target.get("kind")), item.namespace, str(target.get("name")))] = item

    def find(self, kind: str, namespace: str, name: str) -> ManifestObject | None:
        return self._by_name.get((kind, namespace, name))

    def scaler(self, item: ManifestObject) -> ManifestObject | None:
        """The HorizontalPodAutoscaler of a workload."""
        return self._scalers.get((item.kind, item.namespace, item.name))

    def of_kind(self, *kinds: str) -> Iterator[ManifestObject]:
        """The decoded objects of these kinds."""
        return (item for item in self.items if item.typed and item.kind in kinds)

    def pods_in(self, namespace: str) -> list[Pods]:
        return self._pods_in.get(namespace, [])

    def selected(self, namespace: str, selector: Any) -> list[Pods]:
        """Pods of a namespace that a LabelSelector matches; none without a selector. Cached for repeated selectors."""
        key = (namespace, repr(selector))
        if key not in self._selected:
            wanted = selector if isinstance(selector, dict) else None
            self._selected[key] = [each for each in self.pods_in(namespace) if selector_matches(wanted, each.labels)]
        return self._selected[key]

    def ports(self, namespace: str, selector: Any) -> ListeningPorts:
        """The ports of the pods that a LabelSelector matches."""
        key = (namespace, repr(selector))
        if key not in self._ports:
            self._ports[key] = _ports(self.selected(namespace, selector))
        return self._ports[key]


def _ports(chosen: list[Pods]) -> ListeningPorts:
    declared: set[int | str] = set()
    is_open = False
    for pods in chosen:
        own = [port for container in pods.containers for port in container.value.get("ports") or ()]
        declared.update(value for port in own for value in (port.get("containerPort"), port.get("name")) if value)
        is_open = is_open or not own
    return ListeningPorts(frozenset(declared), is_open)


def _pods(item: ManifestObject) -> Pods | None:
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
