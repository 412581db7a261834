"""What a rule of a Role or ClusterRole allows, as Kubernetes' own `rbac/v1/evaluation_helpers.go` decides it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from shared.kube.objects import Obj

ALL: Final = "*"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request asks for: a verb on a resource, or on a path that is no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    """For a request of no resource, such as `/metrics`; empty otherwise."""

    @property
    def full_resource(self) -> str:
        """Resource and subresource as rules name them, such as `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def sentence(self, user: str) -> str:
        """Why a request is forbidden, in Kubernetes' words."""
        if self.path:
            return f'User "{user}" cannot {self.verb} path "{self.path}"'
        what = f'User "{user}" cannot {self.verb} resource "{self.full_resource}" in API group "{self.group}"'
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f"{what} {where}"


def allows(rule: Obj, wanted: Attributes) -> bool:
    """Whether the rule allows the request."""
    if not _has(rule, "verbs", wanted.verb):
        return False
    if wanted.path:
        return any(_matches_path(each, wanted.path) for each in rule.get("nonResourceURLs") or ())
    names: Sequence[str] = rule.get("resourceNames") or ()
    return (
        _has(rule, "apiGroups", wanted.group)
        and any(_matches_resource(each, wanted) for each in rule.get("resources") or ())
        and (not names or wanted.name in names)
    )


def uncovered(held: Sequence[Obj], wanted: Iterable[Obj]) -> list[Attributes]:
    """What the `wanted` rules allow and none of the `held` does. A wanted `*` needs a `*`, as any other text."""
    return [part for rule in wanted for part in _parts(rule) if not any(allows(own, part) for own in held)]


def compact(part: Attributes) -> str:
    """One part of a rule as Kubernetes writes it in a refusal."""
    fields = {
        "APIGroups": None if part.path else part.group,
        "Resources": part.full_resource or None,
        "NonResourceURLs": part.path or None,
        "ResourceNames": part.name or None,
        "Verbs": part.verb,
    }
    return "{" + ", ".join(f'{name}:["{value}"]' for name, value in fields.items() if value is not None) + "}"


def _parts(rule: Obj) -> Iterable[Attributes]:
    """Everything that a rule allows, one by one."""
    verbs = rule.get("verbs") or ()
    for verb, path in product(verbs, rule.get("nonResourceURLs") or ()):
        yield Attributes(verb, path=path)
    resources = product(verbs, rule.get("apiGroups") or (), rule.get("resources") or ())
    for verb, group, resource in resources:
        name, _, subresource = resource.partition("/")
        part = Attributes(verb, group, name, subresource)
        yield from (replace(part, name=each) for each in rule.get("resourceNames") or ("",))


def _has(rule: Obj, field: str, value: str) -> bool:
    values = rule.get(field) or ()
    return ALL in values or value in values


def _matches_resource(allowed: str, wanted: Attributes) -> bool:
    if allowed in (ALL, wanted.full_resource):
        return True
    return bool(wanted.subresource) and allowed == f"{ALL}/{wanted.subresource}"


def _matches_path(allowed: str, path: str) -> bool:
    return allowed in (ALL, path) or (allowed.endswith(ALL) and path.startswith(allowed.rstrip(ALL)))
