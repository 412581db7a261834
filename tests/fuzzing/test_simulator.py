"""Cases by schemathesis against the simulator's Kubernetes API and its product endpoints, in both modes."""

import pytest

from shared.subjects import Mode
from tests.fuzzing.simulator_campaign import PRODUCT_CASES, campaign, product_campaign
from tests.support.api_fuzzing import check_long, check_short


@pytest.mark.fuzz
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mode", Mode)
async def test_two_thousand_cases_get_documented_answers(mode: Mode) -> None:
    async with campaign(mode) as running:
        await check_short(running)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", Mode)
async def test_twenty_thousand_cases_get_documented_answers(mode: Mode, pytestconfig: pytest.Config) -> None:
    async with campaign(mode) as running:
        await check_long(running, pytestconfig, f"simulator-{mode}")


@pytest.mark.fuzz
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", Mode)
async def test_product_endpoints_answer_generated_cases_as_documented(mode: Mode) -> None:
    async with product_campaign(mode) as running:
        await check_short(running, PRODUCT_CASES)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", Mode)
async def test_product_endpoints_answer_five_thousand_cases_as_documented(
    mode: Mode, pytestconfig: pytest.Config
) -> None:
    async with product_campaign(mode) as running:
        await check_long(running, pytestconfig, f"simulator-product-{mode}", 5_000)
