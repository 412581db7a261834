"""Which nodes a pod may run on: rendering and the check for room must agree."""

from typing import Any

from shared.choices.cluster import ClusterOptions
from shared.kube.placement import on_gpu_nodes


def placement_of(cluster: ClusterOptions, gpu_product: str | None) -> dict[str, Any]:
    """`nodeSelector` and `tolerations` of a pod, each only if there are any; `gpu_product` is None without a GPU."""
    own = on_gpu_nodes(gpu_product) if gpu_product is not None else {}
    selector = {**(cluster.node_selector or {}), **own.get("nodeSelector", {})}
    tolerations = [*own.get("tolerations", ()), *(each.rendered() for each in cluster.tolerations or ())]
    return {
        **({"nodeSelector": selector} if selector else {}),
        **({"tolerations": tolerations} if tolerations else {}),
    }
