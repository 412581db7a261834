"""Where pods may run: apart from each other, and with the GPU that they were measured on."""

from services.manifest.rendering.naming import Obj, selector

GPU = "nvidia.com/gpu"
_HOST, _ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def gpu_placement(product: str | None) -> Obj:
    """Onto the nodes with this GPU, which keep everybody else off by a taint."""
    if product is None:
        return {}
    return {
        "nodeSelector": {"nvidia.com/gpu.product": product},
        "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
    }


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
