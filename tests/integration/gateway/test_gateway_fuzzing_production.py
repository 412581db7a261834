"""Cases by schemathesis against the gateway without X-Demo-Mode, which is production."""

import pytest

from shared.subjects import Mode
from tests.api_fuzzing import check_long, check_short
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.fuzzing import campaign


@pytest.mark.timeout(900)
async def test_a_thousand_cases_get_documented_answers_in_production(gateway: Gateway) -> None:
    await check_short(await campaign(gateway, Mode.PRODUCTION))


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_twenty_thousand_cases_get_documented_answers_in_production(
    gateway: Gateway, pytestconfig: pytest.Config
) -> None:
    await check_long(await campaign(gateway, Mode.PRODUCTION), pytestconfig, "gateway-production")
