"""Pod addresses: each node has a range (spec.podCIDR), of which a running pod has one address until it is deleted."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from services.simulator.storage.store import Store
from shared.kube.objects import Obj


class Addresses:
    """The addresses in use; call `observe` for each change of a pod."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, str] = {}
        self._next: dict[str, int] = {}

    def observe(self, old: Obj | None, new: Obj | None) -> None:
        """Record the address of a pod, or free that of a deleted one."""
        if new is None:
            if old is not None and (address := _address(old)) and self._held.get(address) == old["metadata"]["uid"]:
                del self._held[address]
        elif address := _address(new):
            self._held.setdefault(address, new["metadata"]["uid"])

    def host(self, node: str) -> str:
        """The node's own address; "" if it has none."""
        found = self._store.get("nodes", "", node)
        for address in ((found or {}).get("status") or {}).get("addresses") or ():
            if address["type"] == "InternalIP":
                return str(address["address"])
        return ""

    def assign(self, pod: Obj) -> str:
        """A free address of the pod's node; the node's own one for host networking, or if none is free."""
        node = pod["spec"]["nodeName"]
        found = self._store.get("nodes", "", node)
        cidr = ((found or {}).get("spec") or {}).get("podCIDR")
        if pod["spec"].get("hostNetwork") or not cidr:
            return self.host(node)
        network = _network(cidr)
        usable = network.num_addresses - 2
        for _ in range(usable):
            # In turn, so that a freed address isn't reused immediately.
            self._next[node] = self._next.get(node, 0) % usable + 1
            address = str(network[self._next[node]])
            if address not in self._held:
                self._held[address] = pod["metadata"]["uid"]
                return address
        return self.host(node)


@lru_cache(maxsize=1024)
def _network(cidr: str) -> IPv4Network | IPv6Network:
    return ip_network(cidr)


def _address(pod: Obj) -> str:
    if pod["spec"].get("hostNetwork"):
        return ""
    address: str = (pod.get("status") or {}).get("podIP") or ""
    return address
