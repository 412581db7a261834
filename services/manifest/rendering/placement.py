"""Where pods may run: apart from each other, and with the GPU that they were measured on."""

from services.manifest.rendering.naming import Obj, selector
from shared.kube.placement import on_gpu_nodes

_HOST, _ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def gpu_placement(product: str | None) -> Obj:
    """Onto the nodes with this GPU; anywhere without one."""
    return on_gpu_nodes(product) if product is not None else {}


def apart(app: str) -> Obj:
    """Rather on different nodes, evenly over zones. Wishes, not conditions: a pod in a full zone beats none."""
    term = {"labelSelector": {"matchLabels": selector(app)}, "topologyKey": _HOST}
    wish = {"weight": 100, "podAffinityTerm": term}
    return {
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}},
        "topologySpreadConstraints": [_spread(app, key) for key in (_ZONE, _HOST)],
    }


def _spread(app: str, key: str) -> Obj:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(app)},
    }
