"""Scheduling constraints of pods: spread over nodes and zones, on nodes with the sizing's GPU type."""

from services.manifest.rendering.naming import selector
from shared.kube.objects import Obj
from shared.kube.placement import on_gpu_nodes

_HOST, _ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def gpu_placement(product: str | None) -> Obj:
    """Restrict pods to nodes with this GPU; None: no restriction."""
    return on_gpu_nodes(product) if product is not None else {}


def apart(app: str) -> Obj:
    """Prefer different nodes, evenly over zones. Not required, so that pods run even if a zone is full."""
    term = {"labelSelector": {"matchLabels": selector(app)}, "topologyKey": _HOST}
    preferred = {"weight": 100, "podAffinityTerm": term}
    return {
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preferred]}},
        "topologySpreadConstraints": [_spread(app, key) for key in (_ZONE, _HOST)],
    }


def _spread(app: str, key: str) -> Obj:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(app)},
    }
