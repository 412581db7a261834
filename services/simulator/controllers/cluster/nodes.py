"""The nodes of the clusters, from `nodes.yaml`: capacity, labels, taints, addresses. Pure but for reading that file."""

from functools import lru_cache
from importlib.resources import files
from ipaddress import ip_network
from typing import Any

from shared.kube.objects import Obj
from shared.kube.quantities import from_bytes, from_milli, milli, whole
from shared.reading.single import parse_yaml

_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def cluster_names() -> list[str]:
    """The clusters that nodes.yaml describes."""
    return list(_description()["clusters"])


def nodes_of(cluster: str, now: str) -> list[Obj]:
    """All nodes of a cluster, in the state of just having become ready. Raises KeyError for an unknown cluster."""
    description = _description()
    layout = description["clusters"][cluster]
    pools = {pool["name"]: pool for pool in description["pools"]}
    placed = [(pools[name], number) for name in layout["pools"] for number in range(1, pools[name]["count"] + 1)]
    pod_ranges = ip_network(layout["pod_network"]).subnets(new_prefix=24)
    hosts = list(ip_network(layout["node_network"]).hosts())[10:]
    return [
        _node(cluster, pool, number, {"pods": str(pods), "host": str(host)}, now)
        for (pool, number), pods, host in zip(placed, pod_ranges, hosts, strict=False)
    ]


@lru_cache(maxsize=1)
def _description() -> dict[str, Any]:
    text = files("services.simulator.controllers.cluster").joinpath("nodes.yaml").read_text(encoding="utf-8")
    description: dict[str, Any] = parse_yaml(text)
    return description


def _node(cluster: str, pool: dict[str, Any], number: int, addresses: dict[str, str], now: str) -> Obj:
    name = f"{cluster}-{pool['name']}-{number:02}"
    spec: Obj = {
        "podCIDR": addresses["pods"],
        "podCIDRs": [addresses["pods"]],
        "providerID": f"simulator://{cluster}/{name}",
    }
    if pool.get("taints"):
        spec["taints"] = pool["taints"]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": _labels(name, pool, number)},
        "spec": spec,
        "status": {
            "capacity": pool["capacity"],
            "allocatable": _allocatable(pool),
            "conditions": [_condition(*row, now) for row in _CONDITIONS],
            "addresses": [
                {"type": "InternalIP", "address": addresses["host"]},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": _node_info(name),
        },
    }


def _labels(name: str, pool: dict[str, Any], number: int) -> dict[str, str]:
    description = _description()
    zones = description["zones"]
    return {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": description["region"],
        "topology.kubernetes.io/zone": zones[(number - 1) % len(zones)],
        "node.kubernetes.io/instance-type": pool["instance_type"],
        "ecp.ai/pool": pool["name"],
        **pool.get("labels", {}),
    }


def _allocatable(pool: dict[str, Any]) -> dict[str, str]:
    left = dict(pool["capacity"])
    for resource, kept in pool["reserved"].items():
        if resource == "cpu":
            left[resource] = from_milli(milli(left[resource]) - milli(kept))
        else:
            left[resource] = from_bytes(whole(left[resource]) - whole(kept))
    return left


def _condition(kind: str, state: str, reason: str, message: str, now: str) -> Obj:
    return {
        "type": kind,
        "status": state,
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def _node_info(name: str) -> Obj:
    version = _description()["version"]
    return {
        "architecture": "amd64",
        "operatingSystem": "linux",
        "osImage": "ECP-AI simulated node",
        "kernelVersion": "6.1.0-simulated",
        "containerRuntimeVersion": "containerd://2.0.0",
        "kubeletVersion": version,
        "kubeProxyVersion": version,
        "machineID": name,
        "systemUUID": name,
        "bootID": name,
    }
