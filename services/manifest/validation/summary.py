"""What a manifest asks for, in the documented form: counts, totals, and what they cost a month.

Totals are of the pods as they start. A GPU's price is that of an instance with one, so the CPUs and the memory beside
it are paid already; that is how the calculator reckons as well.
"""

from decimal import Decimal
from math import ceil

from services.manifest.validation.limits import demand
from services.manifest.validation.manifest import Manifest, Pods
from services.manifest.validation.workloads import least_replicas
from shared.catalog import Catalog
from shared.rpc import ResourceSummary

_GPU = "requests.nvidia.com/gpu"
_GIB = 2**30
_PRODUCT = "nvidia.com/gpu.product"
_STEP_MINUTES = 5
_USUAL_START_SECONDS = 60
_COUNTED = {"namespaces": "Namespace", "deployments": "Deployment", "services": "Service", "configmaps": "ConfigMap",
            "secrets": "Secret"}  # fmt: skip


def summarize(manifest: Manifest, catalog: Catalog) -> ResourceSummary:
    """Counts by kind, and the sums over all pods."""
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
    """Workload after workload, with the loading of models, in steps of five minutes: `15-20 minutes`."""
    seconds = 0
    for pods in manifest.pods:
        known = catalog.services.get(pods.item.name)
        seconds += known.startup_seconds.value if known else _USUAL_START_SECONDS
    least = seconds // 60 // _STEP_MINUTES * _STEP_MINUTES
    return f"{least}-{least + _STEP_MINUTES} minutes"


def _monthly_cost(manifest: Manifest, catalog: Catalog) -> int:
    """US dollars, to the nearest whole one."""
    return round(sum((_cost(pods, catalog) * least_replicas(pods, manifest) for pods in manifest.pods), Decimal(0)))


def _cost(pods: Pods, catalog: Catalog) -> Decimal:
    """Of one pod. A GPU of an unknown product costs as much as the cheapest."""
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
