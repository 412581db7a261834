"""Capacity for many tenants: the simulator's default nodes are a small cluster."""

from tests.support.http_client import local_client

EXTRA_NODES = 60


async def add_nodes(simulator: str) -> None:
    """Make the demo cluster of the simulator at `simulator` large enough for hundreds of tenants."""
    capacity = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "500Gi", "pods": "250"}
    async with local_client(base_url=f"{simulator}/clusters/demo") as client:
        for number in range(EXTRA_NODES):
            name = f"extra-{number:02}"
            node = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                "status": {
                    "capacity": capacity,
                    "allocatable": capacity,
                    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
                },
            }
            (await client.post("/api/v1/nodes", json=node)).raise_for_status()
