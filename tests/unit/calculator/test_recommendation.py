"""New requests from use, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.calculator.sizing.recommendation import percentile, recommend
from services.calculator.sizing.tenant_sizing import size
from services.gateway.http.language import Translator
from shared.catalog import load_catalog
from shared.errors import Refused
from shared.rpc import Recommendation, ServiceRecommendation, Usage
from shared.tenants import SlaTarget

CATALOG = load_catalog()
SIZING = size({"callbot": 100}, SlaTarget(), None, None, CATALOG)


def recommended(**usage: Usage) -> Recommendation:
    return recommend(SIZING, usage, CATALOG)


def only(usage: Usage, service: str = "stt") -> ServiceRecommendation:
    [found] = recommended(**{service: usage}).services
    return found


def test_cpu_is_the_95th_percentile_without_a_limit() -> None:
    found = only(Usage(cpu_m=tuple(range(1, 101))))
    assert (found.cpu_request_m_today, found.cpu_request_m) == (4000, 95)
    assert (found.cpu_limit_m_today, found.cpu_limit_m) == (4000, None)
    assert found.cpu_reason == "p95 of 100 samples is 95 m"


def test_memory_is_the_most_and_fifteen_percent_as_request_and_limit() -> None:
    found = only(Usage(memory_mib=(1000, 4000, 2000)))
    assert (found.memory_request_mib_today, found.memory_request_mib, found.memory_limit_mib) == (8192, 4600, 4600)


@pytest.mark.parametrize(
    ("service", "usage", "expected"),
    [
        ("stt", Usage(ooms=1), 9831),  # 1.2 x 8192
        ("stt", Usage(ooms=1, memory_mib=(8192,)), 9831),  # more than 1.15 x 8192
        ("stt", Usage(ooms=1, memory_mib=(9000,)), 10350),  # 1.15 x 9000 is more than that
        ("callbot", Usage(ooms=3), 4916),  # 1.2 x 4096
    ],
)
def test_after_an_oom_it_is_a_fifth_more_than_the_limit_at_least(service: str, usage: Usage, expected: int) -> None:
    assert only(usage, service).memory_limit_mib == expected


def test_a_small_limit_is_raised_by_100_mib() -> None:
    small = SIZING.services[0].model_copy(update={"memory_limit_mib": 200, "memory_request_mib": 200})
    sizing = SIZING.model_copy(update={"services": (small, *SIZING.services[1:])})
    [found] = recommend(sizing, {small.service: Usage(ooms=1)}, CATALOG).services
    assert found.memory_limit_mib == 300
    assert found.memory_reason == "killed 1 times for want of memory at 200 MiB: 100 MiB more"
    korean = Translator("ko").translated(found.model_dump())
    assert korean["memory_reason"] == "메모리 200 MiB에서 1번 강제 종료되었습니다: 100 MiB 추가"


def test_an_idle_service_keeps_the_floors_and_an_unobserved_one_what_it_has() -> None:
    idle = only(Usage(cpu_m=(0.0,), memory_mib=(0.0,)))
    assert (idle.cpu_request_m, idle.memory_request_mib) == (10, 100)
    unseen = only(Usage())
    assert (unseen.cpu_request_m, unseen.memory_limit_mib) == (4000, 8192)


def test_the_sums_stand_beside_today_s_and_a_gpu_s_host_costs_nothing_apart() -> None:
    found = recommended(stt=Usage(cpu_m=(2000.0,), memory_mib=(4096 / 1.15,)))
    stt = next(each for each in SIZING.services if each.service == "stt")
    assert found.today.cpu == SIZING.resources.cpu
    assert found.today.monthly_cost_usd == SIZING.monthly_cost_usd
    saved = stt.replicas * (2 * 0.04048 + 4 * 0.004445) * 730
    assert found.today.monthly_cost_usd - found.recommended.monthly_cost_usd == pytest.approx(saved, abs=1)
    on_gpu = recommended(tts=Usage(cpu_m=(100.0,)))
    assert on_gpu.recommended.monthly_cost_usd == on_gpu.today.monthly_cost_usd


def test_few_samples_are_warned_about() -> None:
    few = recommended(stt=Usage(cpu_m=(1.0,) * 19))
    [warning] = few.warnings
    assert warning.startswith("stt: fewer than 20 samples")
    [korean] = Translator("ko").translated(few.model_dump())["warnings"]
    assert korean.startswith("stt: CPU 표본이 20개보다 적어")
    assert recommended(stt=Usage(cpu_m=(1.0,) * 20)).warnings == ()


@pytest.mark.parametrize("usage", [{}, {"unknown": Usage(ooms=1)}])
def test_nothing_to_go_by_and_services_of_others_are_refused(usage: dict[str, Usage]) -> None:
    with pytest.raises(Refused) as refused:
        recommend(SIZING, usage, CATALOG)
    [problem] = refused.value.details["errors"]
    assert problem["field"] == "usage"
    assert Translator("ko").problem(problem)["message"] != problem["message"]


@pytest.mark.parametrize("sample", [-1.0, float("nan"), float("inf"), 1e10])
def test_samples_that_are_no_amounts_are_refused(sample: float) -> None:
    with pytest.raises(ValueError, match="cpu_m"):
        Usage(cpu_m=(sample,))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_the_percentile_is_a_sample_that_enough_do_not_exceed(samples: list[float], percent: int) -> None:
    found = percentile(samples, percent)
    assert sum(each <= found for each in samples) * 100 >= percent * len(samples)
    assert sum(each < found for each in samples) * 100 < percent * len(samples)
