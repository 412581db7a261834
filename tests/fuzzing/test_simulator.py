"""The same cases by schemathesis against the simulator's Kubernetes API and its product endpoints, in both modes."""

import pytest

from tests.fuzzing.simulator_campaign import PRODUCT_CASES, campaign, product_campaign
from tests.support.api_fuzzing import check_long, check_short


@pytest.mark.fuzz
@pytest.mark.timeout(2400)
async def test_two_thousand_cases_get_documented_answers() -> None:
    async with campaign() as running:
        await check_short(running)


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_twenty_thousand_cases_get_documented_answers(pytestconfig: pytest.Config) -> None:
    async with campaign() as running:
        await check_long(running, pytestconfig, "simulator")


@pytest.mark.fuzz
@pytest.mark.timeout(1200)
async def test_product_endpoints_answer_generated_cases_as_documented() -> None:
    async with product_campaign() as running:
        await check_short(running, PRODUCT_CASES)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_product_endpoints_answer_five_thousand_cases_as_documented(pytestconfig: pytest.Config) -> None:
    async with product_campaign() as running:
        await check_long(running, pytestconfig, "simulator-product", 5_000)
