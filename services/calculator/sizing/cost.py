"""Resource totals of a plan and their monthly cost: by item, in dollars and won, on demand, spot and reserved.

A GPU's price is its share of an instance and so includes the instance's CPUs and memory; instances are rented whole.
Prices are the list prices of one region: for comparison, not an invoice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from services.calculator.sizing.planning import SizingOptions, SizingPlan, stored_gb
from shared.catalog import Catalog, Purchase
from shared.sizing import Cost, CostItem, Money, ResourceTotals

_MIB_A_GIB = 1024


@dataclass(frozen=True, slots=True)
class _Item:
    item: str
    name: str
    quantity: Fraction
    unit: str
    usd: Fraction


def totals(plan: SizingPlan, catalog: Catalog) -> ResourceTotals:
    """The totals in the documented form: `86000m`, `172Gi`, `2.0TB`; memory and storage are rounded up."""
    tenths_of_a_tb = ceil(plan.storage_gb / 100)
    return ResourceTotals(
        cpu=f"{_cpu_m(plan, catalog)}m",
        memory=f"{-(-_memory_mib(plan, catalog) // _MIB_A_GIB)}Gi",
        gpu=sum(each.gpus for each in plan.rents.values()),
        storage=f"{tenths_of_a_tb // 10}.{tenths_of_a_tb % 10}TB",
    )


def monthly_cost(plan: SizingPlan, catalog: Catalog) -> Fraction:
    """US dollars a month on demand, exactly."""
    return sum((each.usd for each in _items(plan, catalog)), Fraction(0))


def cost(plan: SizingPlan, catalog: Catalog, options: SizingOptions) -> Cost:
    """The bill: items, and the sum on demand, on spot and reserved for a year."""
    items = list(_items(plan, catalog))
    rate = options.krw_per_usd or catalog.prices.krw_per_usd.value
    return Cost(
        items=tuple(
            CostItem(
                item=each.item,
                name=each.name,
                quantity=round(float(each.quantity), 2),
                unit=each.unit,
                usd=float(round(each.usd, 2)),
                krw=round_half_up(each.usd * rate),
            )
            for each in items
        ),
        on_demand=_money(sum((each.usd for each in items), Fraction(0)), rate),
        spot=_money(_bought(items, catalog.prices.spot), rate),
        reserved=_money(_bought(items, catalog.prices.reserved), rate),
        krw_per_usd=float(rate),
    )


def service_costs(plan: SizingPlan, catalog: Catalog) -> dict[str, Fraction]:
    """US dollars a month by service. A GPU type's rent is divided in proportion to the GPUs or slices in use."""
    taken: dict[str, Fraction] = {}
    for each in plan.workloads.values():
        if (gpu_type := each.holder.gpu_type) is not None:
            taken[gpu_type] = taken.get(gpu_type, Fraction(0)) + Fraction(each.gpus, each.holder.slices)
    prices, found = catalog.prices, {}
    for name, each in plan.workloads.items():
        asked, gpu_type = catalog.services[name].replica, each.holder.gpu_type
        if gpu_type is not None:
            run = plan.rents[gpu_type].usd * Fraction(each.gpus, each.holder.slices) / taken[gpu_type]
        else:
            cores = Fraction(each.replicas * asked.cpu_request_m, 1000) * prices.core_hour.value
            memory = Fraction(each.replicas * asked.memory_request_mib, _MIB_A_GIB) * prices.memory_gib_hour.value
            run = (cores + memory) * prices.hours_a_month
        found[name] = run + stored_gb(name, each, catalog) * prices.storage_gb_month.value
    return found


def krw(usd: Fraction, catalog: Catalog, options: SizingOptions) -> int:
    """US dollars converted to won, rounded."""
    return round_half_up(usd * (options.krw_per_usd or catalog.prices.krw_per_usd.value))


def price_text(usd: Fraction) -> str:
    """A price in the documented form, in whole dollars: `$450/month`."""
    return f"${round_half_up(usd)}/month"


def round_half_up(amount: Fraction) -> int:
    """The nearest integer; a half is rounded up."""
    return int(amount + Fraction(1, 2))


def _items(plan: SizingPlan, catalog: Catalog) -> Iterator[_Item]:
    prices, hours = catalog.prices, catalog.prices.hours_a_month
    for name, rent in plan.rents.items():
        instance = catalog.gpus[name].node.instance
        yield _Item("gpu", f"{name} ({instance})", Fraction(rent.nodes), "instances", rent.usd)
    cores = Fraction(_cpu_m(plan, catalog, gpus=False), 1000)
    memory_gib = Fraction(_memory_mib(plan, catalog, gpus=False), _MIB_A_GIB)
    stored = plan.storage_gb
    if cores:
        yield _Item("cpu", "cores", cores, "cores", cores * prices.core_hour.value * hours)
        yield _Item("memory", "memory", memory_gib, "GiB", memory_gib * prices.memory_gib_hour.value * hours)
    yield _Item("storage", "disks and recordings", stored, "GB", stored * prices.storage_gb_month.value)


def _cpu_m(plan: SizingPlan, catalog: Catalog, *, gpus: bool = True) -> int:
    """Millicores that all replicas request; with `gpus=False` without replicas on GPUs, whose price includes them."""
    replicas = {name: catalog.services[name].replica for name in plan.workloads}
    return sum(
        each.replicas * each.part(replicas[name].cpu_request_m)
        for name, each in plan.workloads.items()
        if gpus or each.holder.gpu_type is None
    )


def _memory_mib(plan: SizingPlan, catalog: Catalog, *, gpus: bool = True) -> int:
    replicas = {name: catalog.services[name].replica for name in plan.workloads}
    return sum(
        each.replicas * each.part(replicas[name].memory_request_mib)
        for name, each in plan.workloads.items()
        if gpus or each.holder.gpu_type is None
    )


def _bought(items: list[_Item], purchase: Purchase) -> Fraction:
    parts = {"gpu": purchase.gpu.value, "cpu": purchase.cpu.value, "memory": purchase.cpu.value}
    return sum((each.usd * parts.get(each.item, 1) for each in items), Fraction(0))


def _money(usd: Fraction, rate: Fraction) -> Money:
    return Money(usd=float(round(usd, 2)), krw=round_half_up(usd * rate))
