"""No deployment is lost or executed twice while processes are killed.

The short form is part of `make test`; `make test-long` has 200 deployments per fault. To run one fault and see
its table: `make test-long ARGS="-k nats -s"`.
"""

import os

import pytest

from tests.e2e.embedded_run import EmbeddedRun
from tests.e2e.faults import Account, Fault, deploy_under, fill_disk, freeze, kill, power_cut, slow_down

SERVICES = ("gateway", "calculator", "manifest", "deployer", "monitor", "simulator")
SEED = int(os.environ.get("FAULTS_SEED", "7"))

LONG: list[tuple[str, Fault, tuple[float, float]]] = [
    # A service needs some seconds to start; if it were killed more often, it would never do any work.
    *((f"kill {name}", kill(name), (5.0, 15.0)) for name in (*SERVICES, "nats", "postgres-demo")),
    ("kill anything", kill(*SERVICES, "nats", "postgres-demo", "postgres-simulator"), (0.5, 3.0)),
    ("power cut", power_cut, (15.0, 25.0)),
    ("freeze a worker", freeze(30.0, "calculator", "manifest", "deployer"), (1.0, 3.0)),
    ("freeze the database", freeze(4.0, "postgres-demo"), (2.0, 5.0)),
    ("slow database", slow_down(20.0, "postgres-demo"), (0.1, 1.0)),
]


@pytest.mark.timeout(600)  # a guard against hanging; the start of the stack counts too
async def test_nothing_is_lost_and_nothing_happens_twice_while_anything_is_killed(run: EmbeddedRun) -> None:
    programs = (*SERVICES, "nats", "postgres-demo")
    account = await deploy_under(run, "anything", kill(*programs), tenants=12, every=(1.0, 3.0), seed=SEED)
    assert account.injected > 0
    assert (account.lost, account.duplicates, account.dead_letters) == (0, 0, 0), account.unfinished
    assert account.completed == account.accepted == 12


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "fault", "every"), LONG, ids=[name for name, _, _ in LONG])
async def test_two_hundred_deployments_end_as_they_should(
    run: EmbeddedRun, name: str, fault: Fault, every: tuple[float, float]
) -> None:
    account = await deploy_under(run, name, fault, tenants=200, every=every, seed=SEED)
    check_all_two_hundred(account)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_two_hundred_deployments_outlast_a_full_disk(run_on_a_small_disk: EmbeddedRun) -> None:
    account = await deploy_under(
        run_on_a_small_disk, "full disk of nats", fill_disk(8.0), tenants=200, every=(2.0, 10.0), seed=SEED
    )
    check_all_two_hundred(account)


def check_all_two_hundred(account: Account) -> None:
    assert account.injected > 0
    assert (account.lost, account.duplicates, account.dead_letters) == (0, 0, 0), account.unfinished
    assert account.completed == account.accepted == 200
