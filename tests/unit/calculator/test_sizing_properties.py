"""What holds for every request."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.calculator.sizing.planning import SizingOptions
from services.calculator.sizing.tenant_sizing import size
from shared.catalog import Discipline, load_catalog
from shared.errors import Refused
from shared.sizing import Sizing
from shared.tenants import SlaTarget
from tests.support.examples import examples

CATALOG = load_catalog()
FEW, MANY = 15, 400
SERVICES = list(CATALOG.services)
MEASURED = st.sampled_from(["t4", "v100", "l40s"])
PRESETS = st.none() | st.sampled_from(list(CATALOG.presets))
SESSIONS = st.integers(1, 200) | st.integers(1, 100_000)
REQUIREMENTS = st.dictionaries(st.sampled_from(SERVICES), SESSIONS, min_size=1)
PERCENT = st.decimals(50, "99.9999", places=4)
MILLISECONDS = st.integers(35, 3000)
USERS = st.none() | st.integers(1, 100_000)


def target(percent: Any, milliseconds: int, users: int | None = None) -> SlaTarget:
    return SlaTarget(availability=f"{percent}%", response_time=f"{milliseconds}ms", concurrent_users=users)


TARGETS = st.builds(target, PERCENT, MILLISECONDS, USERS)


def always(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A property that is tried a few times by `make test`, and under a second name many times by `make test-long`."""

    def decorate(holds: Callable[..., None]) -> Callable[..., None]:
        many = settings(deadline=None, max_examples=MANY)(given(*strategies)(holds))
        globals()[f"{holds.__name__}_however_many_are_tried"] = pytest.mark.long(many)
        return examples(FEW)(given(*strategies)(holds))

    return decorate


def sums(sizing: Sizing) -> tuple[float, ...]:
    """Replicas, millicores, MiB, GPUs, tenths of TB, dollars."""
    each = sizing.services
    return (
        sum(one.replicas for one in each),
        sum(one.replicas * one.cpu_request_m for one in each),
        sum(one.replicas * one.memory_request_mib for one in each),
        sizing.resources.gpu,
        float(sizing.resources.storage.removesuffix("TB")),
        sizing.monthly_cost_usd,
    )


@always(REQUIREMENTS, st.sampled_from(SERVICES), SESSIONS, TARGETS, MEASURED)
def test_more_load_never_needs_less(
    requirements: dict[str, int], service: str, more: int, sla: SlaTarget, gpu_type: str
) -> None:
    larger = {**requirements, service: requirements.get(service, 0) + more}
    less, enough = (size(each, sla, None, gpu_type, CATALOG) for each in (requirements, larger))
    assert all(a <= b for a, b in zip(sums(less), sums(enough), strict=True))
    replicas = {each.service: each.replicas for each in enough.services}
    assert all(each.replicas <= replicas[each.service] for each in less.services)
    free, dearer = (size(each, sla, None, None, CATALOG) for each in (requirements, larger))
    assert free.monthly_cost_usd <= dearer.monthly_cost_usd


@always(REQUIREMENTS, st.tuples(PERCENT, PERCENT), st.tuples(MILLISECONDS, MILLISECONDS), USERS, st.none() | MEASURED)
def test_a_tighter_sla_never_costs_less(
    requirements: dict[str, int],
    percents: tuple[Any, Any],
    milliseconds: tuple[int, int],
    users: int | None,
    gpu_type: str | None,
) -> None:
    loose = target(min(percents), max(milliseconds), users)
    tight = target(max(percents), min(milliseconds), users)
    cheap, dear = (size(requirements, each, None, gpu_type, CATALOG) for each in (loose, tight))
    assert cheap.monthly_cost_usd <= dear.monthly_cost_usd
    if gpu_type is not None:
        assert all(a.replicas <= b.replicas for a, b in zip(cheap.services, dear.services, strict=True))


@always(REQUIREMENTS, st.integers(1, 50_000), st.integers(0, 50_000))
def test_more_concurrent_users_never_need_less(requirements: dict[str, int], users: int, more: int) -> None:
    bounds = (users, users + more, None)
    sizings = [size(requirements, target(99, 500, each), None, "t4", CATALOG) for each in bounds]
    for fewer, larger in pairwise(sizings):
        assert all(a.replicas <= b.replicas for a, b in zip(fewer.services, larger.services, strict=True))


@always(REQUIREMENTS, TARGETS, MEASURED)
def test_the_choice_of_a_mix_is_never_dearer_than_any_one_type(
    requirements: dict[str, int], sla: SlaTarget, gpu_type: str
) -> None:
    chosen, other = (size(requirements, sla, None, each, CATALOG) for each in (None, gpu_type))
    assert chosen.monthly_cost_usd <= other.monthly_cost_usd


@always(
    REQUIREMENTS,
    TARGETS,
    st.sampled_from(list(CATALOG.gpus)),
    st.builds(SizingOptions, st.sampled_from(["none", "time-slicing", "mig"]), st.just(True)),
)
def test_nor_is_it_where_gpus_are_shared_and_estimates_allowed(
    requirements: dict[str, int], sla: SlaTarget, gpu_type: str, options: SizingOptions
) -> None:
    try:
        other = size(requirements, sla, None, gpu_type, CATALOG, options=options)
    except Refused:
        return  # too slow on that type alone
    chosen = size(requirements, sla, None, None, CATALOG, options=options)
    assert chosen.monthly_cost_usd <= other.monthly_cost_usd


@always(REQUIREMENTS, st.sampled_from(["none", "time-slicing", "mig"]))
def test_the_services_parts_of_the_cost_are_all_of_it(requirements: dict[str, int], sharing: Any) -> None:
    options = SizingOptions(gpu_sharing=sharing, unmeasured=True)
    sizing = size(requirements, SlaTarget(), None, None, CATALOG, options=options)
    assert sizing.cost is not None
    parts = sum(each.monthly_cost_usd for each in sizing.services)
    assert abs(parts - sizing.cost.on_demand.usd) <= 0.005 * (len(sizing.services) + 1)


@always(REQUIREMENTS, st.sampled_from(["time-slicing", "mig"]))
def test_what_is_allowed_in_addition_never_makes_it_dearer(requirements: dict[str, int], sharing: Any) -> None:
    plain = size(requirements, SlaTarget(), None, None, CATALOG)
    for options in (SizingOptions(gpu_sharing=sharing), SizingOptions(unmeasured=True)):
        assert size(requirements, SlaTarget(), None, None, CATALOG, options=options).monthly_cost_usd <= (
            plain.monthly_cost_usd
        )


@always(REQUIREMENTS, TARGETS, PRESETS)
def test_what_is_promised_is_kept_by_the_replicas_that_are_needed_and_those_are_there(
    requirements: dict[str, int], sla: SlaTarget, preset: str | None
) -> None:
    sizing = size(requirements, sla, preset, None, CATALOG)
    assert sizing.availability is not None
    assert sizing.availability >= float(sla.availability.rstrip("%")) - 1e-9
    for each in sizing.services:
        assert 2 <= each.replicas <= each.max_replicas
        assert each.needed <= each.replicas
        assert list(each.constraints.values()) == sorted(each.constraints.values())
        assert each.constraints["minimum"] == each.replicas
        service = CATALOG.services[each.service]
        if service.discipline is Discipline.QUEUED:
            assert each.response_time_p95_ms is not None
            assert each.response_time_p95_ms <= sla.response_time_seconds * 1000 + 0.05
        if service.discipline is Discipline.BLOCKED:
            assert each.blocked is not None
            assert each.blocked <= 0.01
            carried = service.carries(each.gpu_type)
            assert carried is not None
            assert each.needed * carried >= each.sessions


@always(REQUIREMENTS, TARGETS, PRESETS)
def test_a_sizing_is_the_same_again_and_travels_unchanged(
    requirements: dict[str, int], sla: SlaTarget, preset: str | None
) -> None:
    sizing = size(requirements, sla, preset, None, CATALOG)
    assert size(dict(reversed(requirements.items())), sla, preset, None, CATALOG) == sizing
    assert Sizing.model_validate_json(sizing.model_dump_json()) == sizing


@always(REQUIREMENTS)
def test_the_totals_are_the_sums_in_the_documented_form(requirements: dict[str, int]) -> None:
    sizing = size(requirements, SlaTarget(), None, None, CATALOG)
    _, cpu, memory, gpu, *_ = sums(sizing)
    assert sizing.resources.cpu == f"{cpu}m"
    assert Fraction(sizing.resources.memory.removesuffix("Gi")) >= Fraction(int(memory), 1024)
    assert gpu == sum(one.replicas * one.gpu for one in sizing.services) == sum(sizing.gpus.values())
    assert sizing.estimated_cost == f"${sizing.monthly_cost_usd:.0f}/month"
    assert sizing.cost is not None
    assert abs(sizing.cost.on_demand.usd - sizing.monthly_cost_usd) <= 0.5
    assert abs(sum(each.usd for each in sizing.cost.items) - sizing.cost.on_demand.usd) < 0.05


@always(
    st.dictionaries(
        st.sampled_from(SERVICES) | st.text(max_size=10),
        st.integers() | st.floats() | st.text(max_size=5) | st.none() | st.booleans(),
        max_size=4,
    ),
    st.none() | st.text(max_size=5) | st.sampled_from(["large", "t4"]),
    st.none() | st.text(max_size=5) | st.sampled_from(["t4", "a100"]),
    st.integers(1, 50),
)
def test_whatever_is_asked_for_is_sized_or_refused_with_a_sentence(
    requirements: dict[str, Any], preset: str | None, gpu_type: str | None, milliseconds: int
) -> None:
    try:
        sizing = size(requirements, target(99, milliseconds), preset, gpu_type, CATALOG)
    except Refused as refused:
        assert refused.code in ("VALIDATION_ERROR", "INVALID_PRESET")
        assert refused.details["errors"]
        assert 10 < len(refused.message) < 1500
    else:
        assert sizing.services
