"""Sizing with what a tenant chose: figures follow it, and what is below the need is named with its consequence."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.calculator.sizing.tenant_sizing import size
from shared.choices import ServiceOptions
from shared.errors import Refused
from shared.sizing import Sizing
from shared.tenants import SlaTarget
from tests.support.examples import examples
from tests.unit.calculator.sizings import CALL_CENTRE, CATALOG, workload

TARGET = SlaTarget(availability="99.5%", response_time="200ms")


def sized(choices: dict[str, Any], requirements: dict[str, int] | None = None, **others: Any) -> Sizing:
    options = {name: ServiceOptions.model_validate(each) for name, each in choices.items()}
    return size(
        requirements or CALL_CENTRE, others.pop("target", TARGET), None, None, CATALOG, choices=options, **others
    )


USUAL = sized({})


def ids(sizing: Sizing) -> list[str]:
    return [each.id for each in sizing.warning_messages]


def test_chosen_replicas_are_deployed_paid_for_and_reckoned_with() -> None:
    usual = workload(USUAL, "callbot")
    more = sized({"callbot": {"replicas": usual.replicas + 4}})
    found = workload(more, "callbot")
    assert (found.replicas, found.needed, found.decided_by) == (usual.replicas + 4, usual.needed, "chosen")
    assert found.max_replicas >= found.replicas
    assert found.availability is not None
    assert usual.availability is not None
    assert found.availability > usual.availability
    assert more.monthly_cost_usd > USUAL.monthly_cost_usd
    assert int(more.resources.cpu[:-1]) == int(USUAL.resources.cpu[:-1]) + 4 * found.cpu_request_m
    assert found.reason.endswith(f"{found.replicas} chosen")
    assert ids(more) == []


def test_fewer_than_the_load_needs_is_warned_of_and_needs_all_that_there_are() -> None:
    usual = workload(USUAL, "callbot")
    few = sized({"callbot": {"replicas": usual.needed - 2}})
    found = workload(few, "callbot")
    assert found.needed == found.replicas == usual.needed - 2
    assert found.blocked is not None
    assert found.blocked > 0.01
    assert ids(few) == ["chosen-turns-away"]
    assert f"fewer than the {usual.needed}" in few.warnings[0]
    assert few.monthly_cost_usd < USUAL.monthly_cost_usd


def test_a_queue_that_never_ends_is_no_figure_but_a_warning() -> None:
    few = sized({"nlp": {"replicas": 1}}, {"nlp": 400})
    found = workload(few, "nlp")
    assert (found.response_time_p95_ms, few.response_time_p95_ms) == (None, None)
    assert ids(few) == ["chosen-piles-up"]
    assert any(each.id == "queue-bounded" for one in few.alternatives for each in one.performance_impact_messages)
    assert Sizing.model_validate_json(few.model_dump_json()) == few


def test_a_slower_answer_is_named_in_milliseconds() -> None:
    needed = workload(sized({}, {"nlp": 2200}), "nlp").needed
    slow = sized({"nlp": {"replicas": needed - 1}}, {"nlp": 2200})
    found = workload(slow, "nlp")
    assert ids(slow) in (["chosen-slows-down"], ["chosen-piles-up"])
    if found.response_time_p95_ms is not None:
        assert found.response_time_p95_ms > 200


def test_enough_for_the_load_and_too_few_for_the_availability_is_warned_of() -> None:
    target = SlaTarget(availability="99.99%", response_time="200ms")
    usual = workload(sized({}, target=target), "callbot")
    few = sized({"callbot": {"replicas": usual.needed}}, target=target)
    assert ids(few) == ["chosen-below-availability"]
    assert few.availability is not None
    assert few.availability < 99.99
    single = sized({"chatbot": {"replicas": 1}}, {"chatbot": 1}, target=SlaTarget(availability="90%"))
    assert ids(single) == ["chosen-below-minimum"]


def test_bounds_of_the_autoscaler_are_the_chosen_ones_and_bind_the_sized_number() -> None:
    bounds = {"min_replicas": 20, "max_replicas": 25, "target_cpu_percent": 50}
    found = workload(sized({"callbot": {"autoscaling": bounds}}), "callbot")
    assert (found.replicas, found.max_replicas) == (20, 25)
    usual = workload(USUAL, "callbot")
    capped = sized({"callbot": {"autoscaling": {"max_replicas": usual.needed - 1}}})
    found = workload(capped, "callbot")
    assert found.replicas == found.max_replicas == usual.needed - 1
    assert ids(capped) == ["chosen-turns-away"]
    fixed = workload(sized({"callbot": {"autoscaling": {"enabled": False}}}), "callbot")
    assert fixed.replicas == fixed.max_replicas == usual.replicas
    gpu = sized({"tts": {"autoscaling": {}}})
    assert workload(gpu, "tts").max_replicas > workload(gpu, "tts").replicas
    assert ids(gpu) == ["scaled-by-cpu"]


def test_larger_replicas_carry_more_so_that_fewer_are_needed() -> None:
    chosen = {"resources": {"requests": {"cpu": "4", "memory": "8Gi"}}}
    found, usual = workload(sized({"callbot": chosen}), "callbot"), workload(USUAL, "callbot")
    assert (found.cpu_request_m, found.cpu_limit_m) == (4000, 4000)
    assert (found.memory_request_mib, found.memory_limit_mib) == (8192, 8192)
    assert found.needed < usual.needed
    only_limit = {"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}
    small = workload(sized({"callbot": only_limit}), "callbot")
    assert (small.cpu_request_m, small.cpu_limit_m, small.memory_request_mib) == (500, 500, 1024)
    assert small.needed > usual.needed


def test_a_part_of_a_core_is_a_slower_server() -> None:
    def p95(cpu: str) -> float:
        found = sized({"ta": {"resources": {"requests": {"cpu": cpu}}}}, {"ta": 1})
        milliseconds = workload(found, "ta").response_time_p95_ms
        assert milliseconds is not None
        return milliseconds

    assert p95("100m") >= 10 * 18_000 * 2.9, "18 s of a core, at p95"
    assert p95("1") < p95("500m") < p95("100m")
    with pytest.raises(Refused) as refused:
        p95("50m")
    [problem] = refused.value.details["errors"]
    assert problem["field"] == "service_options.ta.resources.requests.cpu"
    assert "may take 600.0 s" in problem["message"]


def test_less_memory_than_the_capacity_was_measured_with_is_warned_of() -> None:
    assert ids(sized({"callbot": {"resources": {"limits": {"memory": "512Mi"}}}})) == ["memory-below-measured"]
    assert ids(sized({"tts": {"resources": {"limits": {"cpu": "1"}}}})) == ["cpu-below-measured"]


def test_two_gpus_of_a_replica_carry_and_cost_twice_as_much() -> None:
    requirements = {"tts": 600}
    usual, found = sized({}, requirements), sized({"tts": {"resources": {"gpu": 2}}}, requirements)
    one, two = workload(usual, "tts"), workload(found, "tts")
    assert (one.gpu, two.gpu) == (1, 2)
    assert two.needed == -(-one.needed // 2)
    assert found.resources.gpu == 2 * two.replicas
    assert sum(found.gpus.values()) == found.resources.gpu
    assert found.cost is not None
    assert abs(two.monthly_cost_usd - found.cost.on_demand.usd) < 0.02
    assert ids(found) == ["replica-above-node"]


def test_image_and_port_are_the_chosen_ones_with_the_catalogue_s_rest() -> None:
    found = sized({"callbot": {"image": {"tag": "2.0"}, "port": 9000}, "stt": {"image": "a.example/stt:latest"}})
    callbot = workload(found, "callbot")
    assert (callbot.image, callbot.port) == ("ecp-ai/callbot:2.0", 9000)
    assert workload(found, "stt").image == "a.example/stt:latest"
    assert ids(found) == ["image-unpinned"]


def test_what_has_no_effect_or_gives_a_secret_away_is_warned_of() -> None:
    found = sized({"qa": {"replicas": 3}, "callbot": {"environment": {"API_KEY": "x", "LEVEL": "y"}}})
    assert ids(found) == ["choices-unused", "environment-secret"]
    assert "API_KEY" in found.warnings[1]
    assert "LEVEL" not in found.warnings[1]


@pytest.mark.parametrize(
    ("choices", "field", "advice"),
    [
        ({"calbot": {"replicas": 3}}, "service_options.calbot", "did you mean callbot? Known: callbot, chatbot"),
        ({"stt": {"resources": {"gpu": 1}}}, "service_options.stt.resources.gpu", "Leave gpu out"),
        (
            {"stt": {"resources": {"limits": {"cpu": "100m"}}}},
            "service_options.stt.resources.requests.cpu",
            "less than 154m",
        ),
        ({"callbot": {"environment": {"STT_URL": "x"}}}, "service_options.callbot.environment", "STT_URL can't be"),
    ],
)
def test_a_choice_that_the_catalogue_forbids_is_refused_with_its_field(
    choices: dict[str, Any], field: str, advice: str
) -> None:
    with pytest.raises(Refused) as refused:
        sized(choices)
    [problem] = refused.value.details["errors"]
    assert problem["field"] == field
    assert advice in problem["message"]


def test_another_availability_is_offered_only_if_it_is_cheaper_or_safer_than_what_was_chosen() -> None:
    many = sized({"callbot": {"replicas": workload(USUAL, "callbot").replicas + 50}})
    others = [each for each in many.alternatives if each.kind == "availability"]
    assert others
    for each in others:
        percent = float(each.performance_impact.removeprefix("sized for ").partition("%")[0])
        assert (percent < 99.5) == (each.monthly_cost_usd < many.monthly_cost_usd)


SERVICE_OPTIONS = st.builds(
    ServiceOptions,
    replicas=st.none() | st.integers(1, 50),
    resources=st.none()
    | st.builds(
        lambda cpu, memory: {"requests": {"cpu": f"{cpu}m"}, "limits": {"memory": f"{memory}Mi"}},
        st.integers(200, 8000),
        st.integers(256, 16384),
    ),
)
REQUIREMENTS = st.dictionaries(st.sampled_from(list(CATALOG.services)), st.integers(1, 2000), min_size=1)
CHOICES = st.dictionaries(st.sampled_from(list(CATALOG.services)), SERVICE_OPTIONS)


@examples(30)
@given(REQUIREMENTS, CHOICES)
def test_whatever_is_chosen_the_promise_can_be_kept_by_what_is_deployed(
    requirements: dict[str, int], choices: dict[str, ServiceOptions]
) -> None:
    found = size(requirements, TARGET, None, None, CATALOG, choices=choices)
    assert Sizing.model_validate_json(found.model_dump_json()) == found
    usual = size(requirements, TARGET, None, None, CATALOG)
    for each in found.services:
        chosen = choices.get(each.service)
        assert 1 <= each.needed <= each.replicas <= each.max_replicas
        if chosen is None:
            assert each.replicas == workload(usual, each.service).replicas
        elif chosen.replicas is not None:
            assert each.replicas == chosen.replicas
    assert len(found.warnings) == len(found.warning_messages)


@examples(10)
@given(REQUIREMENTS)
def test_options_that_choose_nothing_change_nothing(requirements: dict[str, int]) -> None:
    nothing = dict.fromkeys(requirements, ServiceOptions())
    assert size(requirements, TARGET, None, None, CATALOG, choices=nothing) == size(
        requirements, TARGET, None, None, CATALOG
    )
