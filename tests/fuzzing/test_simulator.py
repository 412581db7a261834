"""Cases by schemathesis against the simulator's Kubernetes API, on the cluster of each mode."""

import pytest

from shared.subjects import Mode
from tests.fuzzing.simulator_campaign import campaign
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
