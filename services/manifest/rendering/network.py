"""Network policies: deny all, then allow what each service needs."""

from collections.abc import Iterable, Iterator

from services.manifest.rendering import redis
from services.manifest.rendering.naming import TenantScope, selector
from services.manifest.rendering.tenancy import RenderedWorkload, Tenancy
from shared.kube.objects import Obj

_DNS_PORT = 53
_HTTPS_PORT = 443
_CALLS_OUTSIDE = frozenset({"qa"})
"""Services that call an external language model, by HTTPS to public addresses."""
_PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
"""Private networks, which include the cluster's own, and the clouds' metadata services: not public addresses."""


def policies(tenancy: Tenancy) -> Iterator[Obj]:
    """A policy that denies everything, and one for each service and for redis."""
    yield _policy("default-deny", tenancy.scope, {}, ["Ingress", "Egress"])
    for workload in tenancy.workloads:
        yield _workload(workload, tenancy)
    yield _redis(tenancy)


def _workload(workload: RenderedWorkload, tenancy: Tenancy) -> Obj:
    port, name = workload.sizing.port, workload.name
    ports_of = {each.name: each.sizing.port for each in tenancy.workloads}
    # A service that no other AI service calls may be called by any pod in the namespace.
    sources: list[Obj] = [_pods(caller) for caller in workload.asked_by] or [{"podSelector": {}}]
    if workload.service.entry_point:
        chosen = tenancy.cluster.ingress.controller_namespace
        sources.append(_namespace(chosen or tenancy.platform.ingress_namespace))
    if tenancy.options.include_monitoring:
        sources.append(_namespace(tenancy.platform.monitoring_namespace))
    egress = [_to([_pods(asked)], ports_of[asked]) for asked in workload.asks]
    egress.append(_to([_pods(redis.NAME)], redis.PORT))
    if name in _CALLS_OUTSIDE:
        egress.append(_to([{"ipBlock": {"cidr": "0.0.0.0/0", "except": list(_PRIVATE)}}], _HTTPS_PORT))
    found = _policy(name, tenancy.scope, {"matchLabels": selector(name)}, ["Ingress", "Egress"])
    found["metadata"] = tenancy.scope.metadata_of(name)
    found["spec"] |= {"ingress": [{"from": sources, "ports": [_port(port)]}], "egress": [_dns_rule(), *egress]}
    return found


def _redis(tenancy: Tenancy) -> Obj:
    found = _policy(redis.NAME, tenancy.scope, {"matchLabels": selector(redis.NAME)}, ["Ingress", "Egress"])
    clients = [_pods(each.name) for each in tenancy.workloads]
    found["spec"] |= {"ingress": [{"from": clients, "ports": [_port(redis.PORT)]}], "egress": [_dns_rule()]}
    return found


def _dns_rule() -> Obj:
    """DNS lookups in kube-system, by UDP, and by TCP for long answers."""
    return {"to": [_namespace("kube-system")], "ports": [_port(_DNS_PORT, "UDP"), _port(_DNS_PORT, "TCP")]}


def _policy(name: str, scope: TenantScope, pods: Obj, kinds: list[str]) -> Obj:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": scope.metadata(name),
        "spec": {"podSelector": pods, "policyTypes": kinds},
    }


def _to(peers: Iterable[Obj], port: int) -> Obj:
    return {"to": list(peers), "ports": [_port(port)]}


def _port(port: int, protocol: str = "TCP") -> Obj:
    return {"protocol": protocol, "port": port}


def _pods(app: str) -> Obj:
    return {"podSelector": {"matchLabels": selector(app)}}


def _namespace(name: str) -> Obj:
    """A namespace by the label that Kubernetes itself sets, which can't be forged."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
