"""Sizing, against values worked out by hand from the catalogue's figures."""

from fractions import Fraction
from math import log

import pytest

from services.calculator.sizing.cost import price_text
from services.calculator.sizing.load import channels, fan_out
from services.calculator.sizing.planning import SizingOptions
from services.calculator.sizing.tenant_sizing import size
from services.gateway.http.language import Translator
from shared.catalog import load_catalog
from shared.errors import Refused
from shared.tenants import SlaTarget
from tests.unit.calculator.sizings import CALL_CENTRE, sized, workload

CATALOG = load_catalog()
DOCUMENTED_MEDIUM = {"callbot": 50, "chatbot": 100, "advisor": 25, "stt": 30, "tts": 30}
DOCUMENTED_LARGE = {"callbot": 100, "chatbot": 200, "advisor": 50}


def test_the_call_centre_s_load_fans_out_to_what_its_sessions_need() -> None:
    loads = fan_out(CALL_CENTRE, CATALOG)
    assert loads["stt"].amount == 100 + 2 * 50 + 100
    assert loads["tts"].amount == 100 + 100
    # A call of 180 s has 20 queries and 3 searches, a consultation 15 and 8.5, a chat of 480 s 12 and one.
    nlp = Fraction(100 * 20, 180) + Fraction(50 * 15, 180) + Fraction(200 * 12, 480)
    aicm = Fraction(100 * 3, 180) + Fraction(50 * 17, 2 * 180) + Fraction(200, 480)
    assert (loads["nlp"].amount, loads["nlp"].sessions) == (nlp, 350)
    assert (loads["aicm"].amount, loads["aicm"].sessions) == (aicm, 350)
    assert not {"ta", "qa"} & loads.keys()


def test_concurrent_users_bound_each_service_s_load_by_the_mix_that_is_worst_for_it() -> None:
    loads = fan_out({"callbot": 100, "advisor": 50, "nlp": 7}, CATALOG, users=60)
    # 50 advisors take two channels each, and ten callbots the rest; callbots ask more of nlp: 60 of them.
    assert (loads["stt"].amount, loads["stt"].limit) == (110, 120)
    assert (loads["tts"].amount, loads["tts"].limit) == (60, 60)
    assert loads["nlp"].amount == 7 + Fraction(60 * 20, 180)
    assert (loads["callbot"].amount, loads["advisor"].amount) == (60, 50)
    assert fan_out({"callbot": 100}, CATALOG, users=100)["stt"].amount == 100


def test_slots_beyond_all_concurrent_users_are_not_paid_for() -> None:
    """100 erlangs need 117 slots at 1 % blocking, unless there are never more than 100 users: then 100 are enough."""
    free = sized({"callbot": 100}, response_time="1s")
    bounded = sized({"callbot": 100}, response_time="1s", concurrent_users=100)
    assert (workload(free, "callbot").needed, workload(bounded, "callbot").needed) == (6, 5)
    assert workload(bounded, "callbot").blocked == 0


def test_the_documented_call_centre_is_sized_as_by_hand() -> None:
    """docs/sizing.md works it out."""
    sizing = sized(CALL_CENTRE, availability="99.5%", response_time="200ms")
    constraints = {each.service: tuple(each.constraints.values())[:3] for each in sizing.services}
    assert constraints == {
        "callbot": (5, 6, 7),
        "chatbot": (8, 9, 11),
        "advisor": (5, 6, 7),
        "stt": (12, 13, 15),
        "tts": (4, 5, 6),
        "nlp": (1, 1, 2),
        "aicm": (1, 1, 2),
    }
    assert {each.decided_by for each in sizing.services} == {"availability"}
    # 25 replicas of 1 core, 15 of 4, 10 of 3: 115, with 2 GiB each. The predecessor's rule gave 86 cores and 172 Gi.
    assert (sizing.resources.cpu, sizing.resources.memory, sizing.resources.gpu) == ("115000m", "230Gi", 10)
    # 25 x 10 + 15 x 20 + 10 x 50 GiB are 1127 GB; 300 channels x 3.2 MB x 365 days are 350 GB.
    assert sizing.resources.storage == "1.5TB"
    # 10 x 384 + 85 x 0.04048 x 730 + 170 x 0.004445 x 730 + 1477.8 x 0.08 = 3840 + 2511.8 + 551.6 + 118.2
    assert (sizing.estimated_cost, sizing.monthly_cost_usd) == ("$7022/month", 7022)
    # All at once nlp's 300 s; one after the other 3 x 60 s, stt 180, tts 240, nlp 300, aicm 240: 19 minutes.
    assert sizing.deployment_time == "5-20 minutes"
    assert (sizing.gpu_type, sizing.preset, sizing.recommended_preset) == ("t4", "large", "large")
    assert sizing.warnings == ()


def test_the_availability_of_a_tenant_is_the_product_of_its_services() -> None:
    sizing = sized(CALL_CENTRE, availability="99.9%")
    product = 1.0
    for each in sizing.services:
        assert each.availability is not None
        assert each.availability >= 100 - 0.1 / 7
        product *= each.availability / 100
    assert sizing.availability == pytest.approx(product * 100)
    assert product >= 0.999


def test_the_response_time_is_that_of_the_slowest_queued_service() -> None:
    sizing = sized(CALL_CENTRE | {"ta": 100})
    # One T4 with 0.044 erlangs: M/M/1 at 100 - 4.44 searches a second, ln 20 / 95.56
    assert sizing.response_time_p95_ms == pytest.approx(log(20) / (100 - 4.4444) * 1000, abs=0.06)
    assert workload(sizing, "ta").response_time_p95_ms > 100_000
    assert workload(sizing, "tts").response_time_p95_ms is None


@pytest.mark.parametrize(
    ("requirements", "expected", "preset"),
    [
        ({"chatbot": 10}, 10, "micro"),
        ({"callbot": 3}, 9, "micro"),
        ({"chatbot": 11}, 11, "small"),
        ({"chatbot": 100}, 100, "small"),
        ({"chatbot": 101}, 101, "medium"),
        (DOCUMENTED_MEDIUM, 385, "medium"),
        ({"callbot": 50, "chatbot": 100, "advisor": 25}, 325, "medium"),
        ({"chatbot": 500}, 500, "medium"),
        ({"chatbot": 501}, 501, "large"),
        (DOCUMENTED_LARGE, 650, "large"),
        (CALL_CENTRE, 850, "large"),
        ({"nlp": 7}, 7, "micro"),
    ],
)
def test_the_preset_follows_from_the_channels_after_fan_out(
    requirements: dict[str, int], expected: int, preset: str
) -> None:
    assert channels(requirements, fan_out(requirements, CATALOG), CATALOG) == expected
    assert sized(requirements).recommended_preset == preset


def test_a_larger_preset_than_needed_gives_room_and_no_more_replicas() -> None:
    fitting, larger = sized({"chatbot": 10}), sized({"chatbot": 10}, preset="medium")
    assert (larger.preset, larger.recommended_preset) == ("medium", "micro")
    assert larger.resources == fitting.resources
    # 500 users need 527 slots, 25 of them a replica: 22, and two spare
    assert (workload(fitting, "chatbot").max_replicas, workload(larger, "chatbot").max_replicas) == (3, 24)
    assert larger.warnings == ()


def test_a_preset_that_is_too_small_is_honoured_with_a_warning_and_never_below_the_load() -> None:
    fitting, smaller = sized(CALL_CENTRE), sized(CALL_CENTRE, preset="micro")
    assert smaller.preset == "micro"
    assert smaller.resources == fitting.resources
    assert workload(smaller, "stt").max_replicas == workload(smaller, "stt").replicas + 1
    [warning] = smaller.warnings
    assert "laid out for 10 channels and this load has 850" in warning
    assert "large fits" in warning


def test_a_target_beyond_a_chosen_preset_s_sla_is_warned_about_and_sized_for() -> None:
    target = {"availability": "99.9%", "response_time": "200ms"}
    [warning] = sized({"chatbot": 10}, preset="micro", **target).warnings
    assert warning == (
        "Preset micro is laid out for 99.0% availability, the target is 99.9% and a response time of 500ms, "
        "the target is 200ms. It is sized for the target."
    )
    assert sized({"chatbot": 10}, preset="micro", availability="99.0%", response_time="0.5s").warnings == ()
    assert sized({"chatbot": 10}, **target).warnings == ()


def test_users_that_are_fewer_than_the_sessions_are_warned_about() -> None:
    [fewer] = sized({"chatbot": 10}, concurrent_users=5).warnings
    assert fewer == (
        "5 concurrent users are fewer than the sessions asked for: chatbot, nlp, aicm "
        "sized for the mix of so many that is worst for each."
    )
    assert sized(CALL_CENTRE, concurrent_users=500).warnings == ()


def test_only_services_whose_cpu_shows_their_load_grow_by_themselves() -> None:
    sizing = sized(CALL_CENTRE)
    for each in sizing.services:
        grows = each.max_replicas > each.replicas
        assert grows == CATALOG.services[each.service].autoscaled
        assert grows == (each.gpu == 0)


def test_each_number_has_its_reason() -> None:
    sizing = sized(CALL_CENTRE, availability="99.5%")
    assert workload(sizing, "stt").reason == (
        "300 channels, at 26 per replica: 12; 13 so that at most 0.01 of sessions find no slot; "
        "15 so that 13 are there 99.929 % of the time"
    )
    assert workload(sizing, "nlp").reason == (
        "20.28 queries/s of 350 sessions are 0.1352 erlangs, at 150 per t4: 1; "
        "2 so that 1 is there 99.929 % of the time"
    )
    assert workload(sized({"qa": 1}, availability="50%"), "qa").reason.endswith("; 2 never fewer")
    assert {each.confidence for each in sizing.services} == {"predecessor"}


@pytest.mark.parametrize(
    ("requirements", "target", "service", "decided_by"),
    [
        ({"nlp": 1490}, {"availability": "50%"}, "nlp", "throughput"),
        ({"nlp": 1490}, {"availability": "50%", "response_time": "21ms"}, "nlp", "response-time"),
        ({"stt": 130}, {"availability": "50%"}, "stt", "blocking"),
        ({"stt": 130}, {"availability": "99%"}, "stt", "availability"),
        ({"stt": 1}, {"availability": "50%"}, "stt", "minimum"),
    ],
)
def test_the_constraint_that_raised_the_number_last_has_decided(
    requirements: dict[str, int], target: dict[str, str], service: str, decided_by: str
) -> None:
    assert workload(sized(requirements, gpu_type="t4", **target), service).decided_by == decided_by


def test_nothing_needs_a_gpu_that_has_no_use_for_one() -> None:
    sizing = sized({"qa": 5, "ta": 100}, gpu_type="t4")
    assert (sizing.gpu_type, sizing.resources.gpu) == (None, 0)
    assert sizing.warnings == ("No service of this tenant uses a GPU: t4 is left out.",)


def test_deferred_work_has_its_own_limit_and_not_the_tenant_s() -> None:
    # 160 conversations in 540 minutes at a minute a core and 0.3 for batches: 8.9 cores of 100 channels
    slow, fast = (sized({"ta": 100}, response_time=within) for within in ("10s", "1ms"))
    assert workload(slow, "ta") == workload(fast, "ta")
    assert workload(slow, "ta").needed == 9
    # 101 evaluations in a pool of 120 places wait with less than 5 %, in one of 110 with more
    assert workload(sized({"qa": 101}), "qa").needed == 12


@pytest.mark.parametrize(
    ("target", "safer"), [("98%", "99%"), ("99.5%", "99.9%"), ("99.9%", "99.999%"), ("99.95%", "99.995%")]
)
def test_there_is_a_safer_neighbour_above_every_promise(target: str, safer: str) -> None:
    sizing = sized({"stt": 1000}, availability=target)
    [above] = [
        each for each in sizing.alternatives if each.kind == "availability" and each.availability > sizing.availability
    ]
    assert f"sized for {safer} instead of {target}" in above.performance_impact
    assert above.monthly_cost_usd > sizing.monthly_cost_usd


def test_each_service_has_its_part_of_the_cost() -> None:
    sizing = sized(CALL_CENTRE, availability="99.5%", response_time="200ms")
    # 15 x 4 cores x 0.04048 x 730, 15 x 8 GiB x 0.004445 x 730, 15 x 20 GiB and 350.4 GB of recordings x 0.08
    assert workload(sizing, "stt").monthly_cost_usd == pytest.approx(1773.02 + 389.38 + 25.77 + 28.03, abs=0.01)
    # 6 x 384, 6 x 50 GiB x 0.08
    assert workload(sizing, "tts").monthly_cost_usd == pytest.approx(2304 + 25.77, abs=0.01)


def test_every_text_is_also_in_korean() -> None:
    sizing = sized(CALL_CENTRE, preset="micro", availability="99.5%", concurrent_users=100)
    korean = Translator("ko").translated(sizing.model_dump())
    assert korean["services"][[each.service for each in sizing.services].index("nlp")]["reason"] == (
        "세션 100개의 11.11 queries/s(0.07407 얼랑), t4당 150: 1개; 시간의 99.929 % 동안 1개가 동작하도록 2개"
    )
    assert [is_korean(each) for each in korean["warnings"]] == [True] * len(sizing.warnings) == [True] * 3
    assert all(is_korean(each["performance_impact"]) for each in korean["alternatives"])
    assert all(is_korean(each["reason"]) for each in korean["services"])


def is_korean(text: str) -> bool:
    return any("가" <= letter <= "힣" for letter in text)


def test_the_bill_adds_up_in_both_currencies_and_however_it_is_bought() -> None:
    sizing = size(CALL_CENTRE, SlaTarget(), None, None, CATALOG, options=SizingOptions(krw_per_usd=Fraction(1385)))
    bill = sizing.cost
    assert bill is not None
    assert [(each.item, each.quantity, each.usd) for each in bill.items] == [
        ("gpu", 10, 3840),
        ("cpu", 85, 2511.78),
        ("memory", 170, 551.62),
        ("storage", 1477.83, 118.23),
    ]
    assert bill.on_demand.usd == pytest.approx(sum(each.usd for each in bill.items), abs=0.03)
    assert bill.on_demand.krw == pytest.approx(bill.on_demand.usd * 1385, abs=10)
    # half of everything but storage; 0.63 of GPUs and 0.8 of cores and memory
    assert bill.spot.usd == pytest.approx((3840 + 2511.78 + 551.62) / 2 + 118.23, abs=0.03)
    assert bill.reserved.usd == pytest.approx(3840 * 0.63 + (2511.78 + 551.62) * 0.8 + 118.23, abs=0.03)
    assert sized(CALL_CENTRE).cost.krw_per_usd == 1400


@pytest.mark.parametrize(
    ("requirements", "preset", "gpu_type", "code"),
    [
        ({}, None, None, "VALIDATION_ERROR"),
        ({"callbott": 1}, None, None, "VALIDATION_ERROR"),
        ({"callbot": -5}, None, None, "VALIDATION_ERROR"),
        ({"callbot": 10**12}, None, None, "VALIDATION_ERROR"),
        ({"callbot": 1}, "huge", None, "INVALID_PRESET"),
        ({"callbot": 1}, None, "t5", "VALIDATION_ERROR"),
    ],
)
def test_what_cannot_be_sized_is_refused(
    requirements: dict[str, int], preset: str | None, gpu_type: str | None, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        sized(requirements, preset, gpu_type)
    assert refused.value.code == code
    assert all(is_korean(Translator("ko").problem(each)["message"]) for each in refused.value.details["errors"])


def test_a_response_time_below_the_service_s_own_is_refused_with_what_is_possible() -> None:
    with pytest.raises(Refused, match=r"aicm takes 7\.49 ms at p95 on l40s even when nothing waits") as refused:
        sized({"callbot": 1}, response_time="6ms")
    assert refused.value.details["errors"][0]["field"] == "sla_target.response_time"
    assert "7.49 ms입니다" in Translator("ko").problem(refused.value.details["errors"][0])["message"]
    assert refused.value.details["possible_above_ms"] == pytest.approx(log(20) / 400 * 1000, abs=0.001)
    with pytest.raises(Refused, match="takes 30 ms at p95 on t4"):
        sized({"callbot": 1}, response_time="10ms", gpu_type="t4")
    # What a T4 is too slow for, another type may do.
    assert workload(sized({"callbot": 1}, response_time="10ms"), "aicm").gpu_type == "l40s"


def test_prices_are_rounded_to_whole_dollars() -> None:
    assert [price_text(Fraction(cents, 100)) for cents in (45049, 45050, 0)] == ["$450/month", "$451/month", "$0/month"]


def test_the_most_that_can_be_asked_for_is_sized() -> None:
    everything = {name: each.max_sessions.value for name, each in CATALOG.services.items()}
    sizing = sized(everything, availability="99.999999%")
    assert sizing.preset == "large"
    assert sizing.availability >= 99.999999
