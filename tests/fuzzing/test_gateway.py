"""The same cases by schemathesis against the gateway, in demo mode and without X-Demo-Mode, which is production."""

import pytest

from tests.fuzzing.gateway_campaign import campaign
from tests.support.api_fuzzing import check_long, check_short
from tests.support.gateway import Gateway


@pytest.mark.fuzz
@pytest.mark.timeout(2400)
async def test_two_thousand_cases_get_documented_answers(gateway: Gateway) -> None:
    await check_short(await campaign(gateway))


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_twenty_thousand_cases_get_documented_answers(gateway: Gateway, pytestconfig: pytest.Config) -> None:
    await check_long(await campaign(gateway), pytestconfig, "gateway")
