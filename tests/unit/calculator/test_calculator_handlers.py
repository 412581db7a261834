"""The calculator's handlers, without a bus."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from services.calculator.handlers import advise, calculate, size_deployment, size_tenant
from services.calculator.settings import CalculatorSettings
from services.calculator.sizing.planning import SizingOptions
from services.calculator.sizing.sizer import Sizer
from shared.bus import Delivery
from shared.catalog import load_catalog
from shared.errors import Refused
from shared.events import DeployRequested, ResourcesCalculated, ResourcesRejected, TenantCreated, TenantUpdated
from shared.rpc import CalculateRequest, RecommendRequest, Usage
from shared.sizing import Sizing
from shared.subjects import Mode
from shared.tenants import TenantSpec

CATALOG = load_catalog()
SIZER = Sizer(CATALOG)
DELIVERY = Delivery(
    mode=Mode.DEMO,
    subject="tenant.created",
    event_id="event-1",
    correlation_id="req-1",
    time=datetime(2026, 1, 1, tzinfo=UTC),
    stream="DEMO_ECP",
    sequence=1,
    attempt=1,
    durable="calculator-sizes-tenants",
)


def spec(**changes: object) -> TenantSpec:
    return TenantSpec.model_validate({"tenant_id": "a", "name": "A", "service_requirements": {"callbot": 1}} | changes)


def requested(spec: TenantSpec, generation: int | None = 7) -> DeployRequested:
    return DeployRequested(tenant_id="a", spec=spec, deployment_id="dep-1", generation=generation, target="simulator")


@pytest.mark.parametrize("kind", [TenantCreated, TenantUpdated])
async def test_a_tenant_is_sized_without_a_deployment(kind: type[TenantCreated]) -> None:
    [event] = await size_tenant(kind(tenant_id="a", spec=spec(), revision=2), DELIVERY, sizer=SIZER)
    assert isinstance(event, ResourcesCalculated)
    assert (event.revision, event.deployment, event.spec) == (2, None, spec())


async def test_a_deployment_s_context_is_carried_on() -> None:
    request = requested(spec(preset="large"))
    [event] = await size_deployment(request, DELIVERY, sizer=SIZER)
    assert isinstance(event, ResourcesCalculated)
    assert event.deployment == request.deployment
    assert event.sizing.preset == "large"


async def test_what_other_systems_ask_for_waits_until_the_gateway_has_numbered_it() -> None:
    assert await size_tenant(TenantCreated(tenant_id="a", spec=spec()), DELIVERY, sizer=SIZER) == []
    assert await size_deployment(requested(spec(), generation=None), DELIVERY, sizer=SIZER) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"service_requirements": {"callbott": 1}}, "VALIDATION_ERROR"),
        ({"service_requirements": {"callbot": -1}}, "VALIDATION_ERROR"),
        ({"preset": "huge"}, "INVALID_PRESET"),
        ({"gpu_type": "l4"}, "VALIDATION_ERROR"),
    ],
)
async def test_what_cannot_be_sized_is_rejected_with_the_reason(changes: dict[str, object], code: str) -> None:
    request = requested(spec(**changes))
    [event] = await size_deployment(request, DELIVERY, sizer=SIZER)
    assert isinstance(event, ResourcesRejected)
    assert (event.code, event.deployment) == (code, request.deployment)
    assert event.details["errors"]


async def test_a_question_is_answered_or_refused() -> None:
    sizing = await calculate(CalculateRequest(service_requirements={"chatbot": 10}), Mode.DEMO, sizer=SIZER)
    assert sizing.preset == "micro"
    with pytest.raises(Refused):
        await calculate(CalculateRequest(service_requirements={}), Mode.DEMO, sizer=SIZER)


async def test_a_question_may_allow_what_no_tenant_gets() -> None:
    question = CalculateRequest(service_requirements={"callbot": 100}, gpu_type="l4")
    with pytest.raises(Refused, match="not measured on l4"):
        await calculate(question, Mode.DEMO, sizer=SIZER)
    allowed = question.model_copy(update={"allow_unmeasured": True, "gpu_sharing": "time-slicing"})
    sizing = await calculate(allowed, Mode.DEMO, sizer=SIZER)
    assert (sizing.gpu_type, sizing.gpu_sharing) == ("l4", "time-slicing")


class CountingSizer(Sizer):
    """Counts the sizings that it makes."""

    sizings = 0

    def size_spec(self, spec: TenantSpec) -> Sizing:
        self.sizings += 1
        return super().size_spec(spec)


async def test_a_current_sizing_is_passed_on_as_it_is() -> None:
    quoted = SIZER.size_spec(spec()).model_copy(update={"warnings": ("as answered",)})
    sizer = CountingSizer(CATALOG)
    created = TenantCreated(tenant_id="a", spec=spec(), revision=1, sizing=quoted)
    events = [
        *await size_tenant(created, DELIVERY, sizer=sizer),
        *await size_deployment(requested(spec()).model_copy(update={"sizing": quoted}), DELIVERY, sizer=sizer),
    ]
    assert [isinstance(each, ResourcesCalculated) and each.sizing for each in events] == [quoted, quoted]
    assert sizer.sizings == 0


@pytest.mark.parametrize("options", [SizingOptions(), SizingOptions(krw_per_usd=Fraction(1000))])
async def test_a_sizing_of_another_catalogue_or_exchange_rate_is_replaced(options: SizingOptions) -> None:
    prices = CATALOG.prices.model_copy(update={"hours_a_month": 700})
    other = Sizer(CATALOG if options.krw_per_usd else CATALOG.model_copy(update={"prices": prices}), options)
    outdated = other.size_spec(spec())
    sizer = CountingSizer(CATALOG)
    [event] = await size_deployment(requested(spec()).model_copy(update={"sizing": outdated}), DELIVERY, sizer=sizer)
    assert isinstance(event, ResourcesCalculated)
    assert (event.sizing, sizer.sizings) == (SIZER.size_spec(spec()), 1)
    assert event.sizing.catalog_version != outdated.catalog_version


async def test_a_sizing_without_a_version_is_replaced() -> None:
    request = CalculateRequest(service_requirements={"tts": 50}, gpu_sharing="time-slicing")
    shared_gpus = await calculate(request, Mode.DEMO, sizer=SIZER)
    sizer = CountingSizer(CATALOG)
    [event] = await size_deployment(requested(spec()).model_copy(update={"sizing": shared_gpus}), DELIVERY, sizer=sizer)
    assert shared_gpus.catalog_version is None
    assert isinstance(event, ResourcesCalculated)
    assert (event.sizing.gpu_sharing, sizer.sizings) == ("none", 1)


def test_a_request_and_a_tenant_with_the_same_needs_have_the_same_sizing() -> None:
    asked = spec(service_requirements={"callbot": 20, "chatbot": 5})
    request = CalculateRequest(service_requirements=asked.service_requirements)
    assert SIZER.answer(request) == SIZER.size_spec(asked) == Sizer(CATALOG).size_spec(asked)


async def test_the_rate_for_won_is_configuration_on_the_event_path_too() -> None:
    options = SizingOptions(krw_per_usd=Fraction(1385))
    [event] = await size_deployment(requested(spec()), DELIVERY, sizer=Sizer(CATALOG, options))
    assert isinstance(event, ResourcesCalculated)
    assert event.sizing.cost is not None
    assert event.sizing.cost.krw_per_usd == 1385


async def test_a_recommendation_is_made_for_the_sizing_that_is_sent() -> None:
    sizing = await calculate(CalculateRequest(service_requirements={"qa": 1}), Mode.DEMO, sizer=SIZER)
    question = RecommendRequest(sizing=sizing, usage={"qa": Usage(cpu_m=(250.0,))})
    [qa] = (await advise(question, Mode.DEMO, catalog=CATALOG)).services
    assert (qa.cpu_request_m_today, qa.cpu_request_m) == (1000, 250)


def test_the_settings_have_these_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRW_PER_USD", raising=False)
    assert (CalculatorSettings().port, CalculatorSettings().krw_per_usd) == (8011, None)
    monkeypatch.setenv("KRW_PER_USD", "1385.5")
    assert CalculatorSettings().krw_per_usd == Fraction(2771, 2)
    monkeypatch.setenv("KRW_PER_USD", "-1")
    with pytest.raises(ValueError, match="krw_per_usd"):
        CalculatorSettings()
