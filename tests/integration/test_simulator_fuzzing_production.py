"""Cases by schemathesis against the simulator's Kubernetes API, the cluster of the production mode."""

import pytest

from shared.subjects import Mode
from tests.api_fuzzing import check_long, check_short
from tests.integration.simulator_fuzzing import campaign


@pytest.mark.timeout(900)
async def test_a_thousand_cases_get_documented_answers_of_the_production_cluster() -> None:
    async with campaign(Mode.PRODUCTION) as running:
        await check_short(running)


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_twenty_thousand_cases_get_documented_answers_of_the_production_cluster(
    pytestconfig: pytest.Config,
) -> None:
    async with campaign(Mode.PRODUCTION) as running:
        await check_long(running, pytestconfig, "simulator-production")
