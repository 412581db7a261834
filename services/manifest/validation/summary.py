"""The summary of a manifest in the documented form: object counts, resource totals, and monthly cost.

Totals are those of the initial pods. A GPU's price is that of an instance with it, so it includes CPUs and memory, as
in the calculator.
"""

from decimal import Decimal
from math import ceil

from services.manifest.validation.limits import demand
from services.manifest.validation.manifest import Manifest, Pods
from services.manifest.validation.workloads import least_replicas
from shared.catalog import Catalog
from shared.durations import starting
from shared.rpc import ResourceSummary

_GPU = "requests.nvidia.com/gpu"
_GIB = 2**30
_PRODUCT = "nvidia.com/gpu.product"
_USUAL_START_SECONDS = 60
_COUNTED = {"namespaces": "Namespace", "deployments": "Deployment", "services": "Service", "configmaps": "ConfigMap",
            "secrets": "Secret"}  # fmt: skip


def summarize(manifest: Manifest, catalog: Catalog) -> ResourceSummary:
    """Counts by kind, and totals over all pods."""
    totals: dict[str, Decimal] = {}
    for pods in manifest.pods:
        for name, value in demand(pods.spec).items():
            totals[name] = totals.get(name, Decimal(0)) + value * least_replicas(pods, manifest)
    return ResourceSummary(
        **{field: sum(1 for _ in manifest.of_kind(kind)) for field, kind in _COUNTED.items()},
        total_cpu=f"{ceil(totals.get('requests.cpu', 0) * 1000)}m",
        total_memory=f"{ceil(totals.get('requests.memory', 0) / _GIB)}Gi",
        total_gpu=int(totals.get(_GPU, 0)),
        estimated_pods=sum(least_replicas(pods, manifest) for pods in manifest.pods),
        estimated_cost=f"${_monthly_cost(manifest, catalog)}/month",
    )


def deployment_time(manifest: Manifest, catalog: Catalog) -> str:
    """The default, from how long the workloads take to start; the gateway has the measured durations of a target."""
    services = (catalog.services.get(pods.item.name) for pods in manifest.pods)
    return starting(known.startup_seconds.value if known else _USUAL_START_SECONDS for known in services).text


def _monthly_cost(manifest: Manifest, catalog: Catalog) -> int:
    """US dollars a month, rounded."""
    return round(sum((_cost(pods, catalog) * least_replicas(pods, manifest) for pods in manifest.pods), Decimal(0)))


def _cost(pods: Pods, catalog: Catalog) -> Decimal:
    """The monthly cost of one pod. An unknown GPU product is priced as the cheapest one."""
    needs, prices = demand(pods.spec), catalog.prices
    gpus = needs.get(_GPU, Decimal(0))
    if gpus:
        product = str((pods.spec.get("nodeSelector") or {}).get(_PRODUCT))
        rates = {gpu.product: gpu.usd_a_month.value for gpu in catalog.gpus.values()}
        return gpus * _decimal(rates.get(product) or min(rates.values()))
    cores, memory = needs.get("requests.cpu", Decimal(0)), needs.get("requests.memory", Decimal(0)) / _GIB
    hourly = cores * _decimal(prices.core_hour.value) + memory * _decimal(prices.memory_gib_hour.value)
    return hourly * prices.hours_a_month


def _decimal(value: object) -> Decimal:
    return Decimal(str(float(value)))  # type: ignore[arg-type]
