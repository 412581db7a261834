"""`python -m tools.kubernetes_rbac`: deploy/kubernetes/rbac.yaml, which is `shared.kube.rights` as RBAC objects."""

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from shared.kube.rights import DEPLOYER, MONITOR, Right
from tools.locks import ROOT

FILE = ROOT / "deploy" / "kubernetes" / "rbac.yaml"
NAMESPACE = "ecp-system"
_API = "rbac.authorization.k8s.io"
_HEADER = """\
# Made from shared/kube/rights.py by `make docs`: what the deployer and the monitor may do in a cluster.
# kubectl apply -f deploy/kubernetes/rbac.yaml
# Each option of a deployment that needs rights of its own has its own ClusterRole: leave out those that you don't use.
"""


def configuration() -> str:
    """The whole file."""
    documents = (yaml.safe_dump(each, sort_keys=False, width=120) for each in _objects())
    return _HEADER + "---\n".join(documents)


def _objects() -> Iterator[dict[str, Any]]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield _account("ecp-orchestrator")
    for option, rights in DEPLOYER.items():
        suffix = f"-{option.replace('_', '-')}" if option else ""
        yield from _granted(f"ecp-orchestrator{suffix}", rights, "ecp-orchestrator")
    yield _account("ecp-monitor")
    yield from _granted("ecp-monitor", MONITOR, "ecp-monitor")


def _account(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}}


def _granted(name: str, rights: Iterable[Right], account: str) -> Iterator[dict[str, Any]]:
    """A role with the guides' names, and its binding to the account."""
    role = f"{name}-role"
    yield {"apiVersion": f"{_API}/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": _rules(rights)}
    yield {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{name}-binding"},
        "roleRef": {"apiGroup": _API, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    }


def _rules(rights: Iterable[Right]) -> list[dict[str, list[str]]]:
    """One rule for the resources of a group with the same verbs."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for right in rights:
        grouped.setdefault((right.group, right.verbs), []).append(right.resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources), "verbs": list(verbs)}
        for (group, verbs), resources in grouped.items()
    ]


def main() -> None:
    """Write the file with the roles that the deployer and the monitor need."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(configuration(), encoding="utf-8")


if __name__ == "__main__":
    main()
