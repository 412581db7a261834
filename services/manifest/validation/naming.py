"""The objects that pods refer to by name: accounts, classes, claims, ConfigMaps and Secrets."""

from collections.abc import Iterator

from services.manifest.validation.manifest import Pods
from shared.kube.objects import Obj
from shared.reading.yaml_text import Pointer

PodReference = tuple[str, str, Pointer, str | None, bool]
"""Kind, name, pointer, key or None, and whether it is optional."""
_GIVEN_CLASSES = ("system-cluster-critical", "system-node-critical")
_GIVEN_MAPS = ("kube-root-ca.crt",)
_SOURCES = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"))
_PROJECTED = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "name"))
GIVEN_ACCOUNT = "default"
"""The account that every namespace has."""


def named_by(pods: Pods) -> Iterator[PodReference]:
    """All objects that the pods refer to."""
    spec, at = pods.spec, pods.pointer
    account, priority = spec.get("serviceAccountName"), spec.get("priorityClassName")
    if account and account != GIVEN_ACCOUNT:
        yield "ServiceAccount", account, (*at, "serviceAccountName"), None, False
    if priority and priority not in _GIVEN_CLASSES:
        yield "PriorityClass", priority, (*at, "priorityClassName"), None, False
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if secret.get("name"):
            yield "Secret", secret["name"], (*at, "imagePullSecrets", index, "name"), None, False
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _volume(volume, (*at, "volumes", index))
    for container in pods.containers:
        yield from _environment(container.value, container.pointer)


def _volume(volume: Obj, at: Pointer) -> Iterator[PodReference]:
    claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
    if claim:
        yield "PersistentVolumeClaim", claim, (*at, "persistentVolumeClaim", "claimName"), None, False
    yield from _sources(volume, at, _SOURCES)
    for index, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
        yield from _sources(source, (*at, "projected", "sources", index), _PROJECTED)


def _sources(volume: Obj, at: Pointer, known: tuple[tuple[str, str, str], ...]) -> Iterator[PodReference]:
    for field, kind, name in known:
        source = volume.get(field) or {}
        if source.get(name) and source[name] not in _GIVEN_MAPS:
            optional = bool(source.get("optional"))
            for key in [item.get("key") for item in source.get("items") or ()] or [None]:
                yield kind, source[name], (*at, field, name), key, optional


def _environment(container: Obj, at: Pointer) -> Iterator[PodReference]:
    for index, variable in enumerate(container.get("env") or ()):
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            source = (variable.get("valueFrom") or {}).get(field) or {}
            if source.get("name"):
                pointer = (*at, "env", index, "valueFrom", field)
                yield kind, source["name"], pointer, source.get("key"), bool(source.get("optional"))
    for index, source in enumerate(container.get("envFrom") or ()):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            named = source.get(field) or {}
            if named.get("name"):
                yield kind, named["name"], (*at, "envFrom", index, field, "name"), None, bool(named.get("optional"))
