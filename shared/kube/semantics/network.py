"""Who may talk to whom."""

from ipaddress import ip_network
from typing import Any

from shared.kube.semantics.causes import CauseCollector, Map
from shared.kube.semantics.containers import PROTOCOLS, check_port_number, check_port_reference
from shared.kube.semantics.names import check_selector

_NO_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def check_network_policy(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """networking.k8s.io/v1 NetworkPolicy."""
    spec = obj.get("spec") or {}
    check_selector(found, "spec.podSelector", spec.get("podSelector"))
    for index, kind in enumerate(spec.get("policyTypes") or ()):
        found.one_of(f"spec.policyTypes[{index}]", kind, ("Egress", "Ingress"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for number, rule in enumerate(spec.get(direction) or ()):
            here = f"spec.{direction}[{number}]"
            for index, port in enumerate(rule.get("ports") or ()):
                _check_port(found, f"{here}.ports[{index}]", port)
            for index, peer in enumerate(rule.get(peers) or ()):
                _check_peer(found, f"{here}.{peers}[{index}]", peer)


def _check_port(found: CauseCollector, path: str, rule: Map) -> None:
    found.one_of(f"{path}.protocol", rule.get("protocol"), PROTOCOLS)
    port, end = rule.get("port"), rule.get("endPort")
    if port is not None:
        check_port_reference(found, f"{path}.port", port)
    if end is None:
        return
    if port is None:
        found.invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified")
    elif isinstance(port, str):
        found.invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric")
    else:
        if end < port:
            found.invalid(f"{path}.endPort", port, "must be greater than or equal to `port`")
        check_port_number(found, f"{path}.endPort", end)


def _check_peer(found: CauseCollector, path: str, peer: Map) -> None:
    for name in ("podSelector", "namespaceSelector"):
        check_selector(found, f"{path}.{name}", peer.get(name))
    block = peer.get("ipBlock")
    if block is None:
        if not peer.keys() & {"podSelector", "namespaceSelector"}:
            found.required(path, "must specify a peer")
        return
    if peer.keys() & {"podSelector", "namespaceSelector"}:
        found.forbidden(path, "may not specify both ipBlock and another peer")
    if not block.get("cidr"):
        found.required(f"{path}.ipBlock.cidr")
        return
    whole = _range(block["cidr"])
    if whole is None:
        found.invalid(f"{path}.ipBlock.cidr", block["cidr"], _NO_RANGE)
    for index, text in enumerate(block.get("except") or ()):
        part, here = _range(text), f"{path}.ipBlock.except[{index}]"
        if part is None:
            found.invalid(here, text, _NO_RANGE)
        elif whole is not None and not _is_within(part, whole):
            found.invalid(here, text, "must be a strict subset of `cidr`")


def _range(text: str) -> Any:
    """A network; None for what is none."""
    try:
        return ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def _is_within(part: Any, whole: Any) -> bool:
    return part.version == whole.version and part != whole and bool(part.subnet_of(whole))
