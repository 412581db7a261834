"""Which GPUs a sizing uses: whole ones, shared ones, and unmeasured types."""

from fractions import Fraction

import pytest

from services.calculator.sizing.capacity import Holder, capacity, ways_to_share
from services.calculator.sizing.planning import SizingOptions
from services.calculator.sizing.tenant_sizing import size
from shared.catalog import load_catalog
from shared.errors import Refused
from shared.sizing import GpuSharing
from shared.tenants import SlaTarget
from tests.unit.calculator.sizings import CALL_CENTRE, sized, workload

CATALOG = load_catalog()


def test_a_gpu_type_that_is_asked_for_is_obeyed() -> None:
    sizing = sized(CALL_CENTRE, gpu_type="v100")
    assert (sizing.gpus, sizing.gpu_nodes) == ({"v100": 7}, {"v100": 7})
    assert {each.gpu_type for each in sizing.services if each.gpu} == {"v100"}


def test_the_cheapest_gpu_type_is_taken_service_by_service() -> None:
    assert sized({"callbot": 50}).gpus == {"t4": 7}
    # 10,000 channels to speak on are 204 T4 or 52 L40S: $78,336 or $70,668. For nlp and aicm a T4 stays cheapest.
    mixed = sized({"tts": 10_000, "callbot": 5}, availability="99.5%")
    assert mixed.gpus == {"t4": 4, "l40s": 54}
    assert mixed.gpu_type == "l40s"
    assert (workload(mixed, "tts").gpu_type, workload(mixed, "nlp").gpu_type) == ("l40s", "t4")


def test_an_unmeasured_gpu_type_is_refused_with_those_that_have_been_measured() -> None:
    with pytest.raises(Refused, match="not measured on l4: tts, nlp, aicm") as refused:
        sized({"callbot": 1}, gpu_type="l4")
    assert refused.value.details["gpu_types"] == ["t4", "l40s", "v100"]


def test_an_unmeasured_gpu_type_can_be_allowed_and_is_then_an_estimate() -> None:
    sizing = size({"callbot": 10}, SlaTarget(), None, "l4", CATALOG, options=SizingOptions(unmeasured=True))
    tts = workload(sizing, "tts")
    # An L4 has 300/320 of a T4's bandwidth: 46.875 channels instead of 50, and less than from others.
    assert "at 46 per l4" in tts.reason
    assert tts.confidence == "estimate"
    assert len(sizing.warnings) == 3
    assert "tts has not been measured on l4" in sizing.warnings[0]


def test_a_shared_gpu_costs_less_and_answers_later() -> None:
    alone, shared = (
        size(CALL_CENTRE, SlaTarget(), None, "t4", CATALOG, options=SizingOptions(gpu_sharing=sharing))
        for sharing in ("none", "time-slicing")
    )
    # nlp and aicm share two T4, a replica of each on either, so that the loss of one takes no more than one of each.
    assert (alone.resources.gpu, shared.resources.gpu) == (10, 8)
    assert shared.monthly_cost_usd < alone.monthly_cost_usd
    nlp = workload(shared, "nlp")
    assert nlp.gpu_slices > 1
    assert nlp.response_time_p95_ms > workload(alone, "nlp").response_time_p95_ms
    assert nlp.response_time_p95_ms <= 200


def test_a_mig_instance_has_whole_sevenths_of_arithmetic_and_eighths_of_memory() -> None:
    """NVIDIA's profiles of an A100: 3g.20gb twice, 2g.10gb three times, 1g.10gb four times, 1g.5gb seven times."""
    a100, nlp = CATALOG.gpus["a100"], CATALOG.services["nlp"]
    whole = capacity(nlp, Holder("a100"), CATALOG, unmeasured=True)
    parts = {holder.slices: capacity(nlp, holder, CATALOG, unmeasured=True) for holder in ways("a100", "mig")}
    assert whole is not None
    assert {slices: each and each.amount / whole.amount for slices, each in parts.items()} == {
        2: Fraction(3, 7),
        3: Fraction(2, 7),
        4: Fraction(1, 7),
        7: Fraction(1, 7),
    }
    # 5 GiB, an eighth of 40, hold a model of 4 GiB, and none of 6: that needs 2g.10gb.
    large = nlp.model_copy(update={"gpu_memory_gib": nlp.gpu_memory_gib.model_copy(update={"value": Fraction(6)})})
    fitting = [h.slices for h in ways("a100", "mig") if capacity(large, h, CATALOG, unmeasured=True)]
    assert fitting == [2, 3, 4]
    assert a100.mig is not None
    assert ways("t4", "mig") == ways("t4", "none") == []
    assert [each.slices for each in ways("t4", "time-slicing")] == [2, 3, 4]


def ways(gpu_type: str, sharing: GpuSharing) -> list[Holder]:
    return list(ways_to_share(gpu_type, CATALOG.gpus[gpu_type], sharing))


def test_an_h100_can_be_rented_alone() -> None:
    sizing = size({"tts": 10}, SlaTarget(), None, "h100", CATALOG, options=SizingOptions(unmeasured=True))
    assert (sizing.gpus, sizing.gpu_nodes) == ({"h100": 2}, {"h100": 2})
    assert sizing.cost is not None
    assert (sizing.cost.items[0].name, sizing.cost.items[0].usd) == ("h100 (p5.4xlarge)", 2 * 5022)


def test_a_sizing_with_shared_gpus_warns_that_tenants_are_deployed_on_whole_gpus() -> None:
    shared = size(CALL_CENTRE, SlaTarget(), None, "t4", CATALOG, options=SizingOptions(gpu_sharing="time-slicing"))
    [warning] = shared.warnings
    assert "A tenant is deployed on whole GPUs" in warning


def test_mig_slices_only_what_can_be_cut() -> None:
    options = SizingOptions(gpu_sharing="mig", unmeasured=True)
    # Six GPUs to speak on, and two each for nlp and aicm: these share two, so that one instance of eight is enough.
    cut = size({"callbot": 700}, SlaTarget(), None, "a100", CATALOG, options=options)
    assert max(each.gpu_slices for each in cut.services) > 1
    assert cut.gpu_nodes == {"a100": 1}
    whole = size(CALL_CENTRE, SlaTarget(), None, "t4", CATALOG, options=options)
    assert {each.gpu_slices for each in whole.services} == {1}
