"""Real servers for the tests that need them: one NATS and one PostgreSQL per session, started in milliseconds.

With ECP_TEST_SERVERS=containers (`make test-containers`) they are containers from the images of compose.yaml, and only
the tests that use them run.
"""

import gc
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import settings

from embedded.ports import share_ports
from shared.logging import configure_logging
from tests.support.warm_programs import PROGRAMS
from tests.support.work_units import longest_first, scheduler

if TYPE_CHECKING:
    from embedded.postgres import PostgresServer

ON_CONTAINERS = os.environ.get("ECP_TEST_SERVERS") == "containers"
if ON_CONTAINERS:
    # Imported only if needed: the import takes half a second.
    from tests.support.container_servers import container_nats, container_postgres, why_not
_SERVERS = {"nats_url", "postgres"}

# Nothing that is imported or collected goes away: looking through it for garbage is a third of the collection's time.
gc.disable()

# A deadline per example would measure the machine's load.
settings.register_profile("whole", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=5)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "whole"))
configure_logging("tests", as_json=True)
# Loggers must not be cached, so that a test can capture the logs of loggers that were used before.
structlog.configure(cache_logger_on_first_use=False)


if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # A worker that replaces a crashed one has a higher number than there are.
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    share_ports(int(worker.removeprefix("gw")) % workers, workers)


def pytest_sessionfinish() -> None:
    """End the programs that tests have left."""
    PROGRAMS.close()


def pytest_collection_finish() -> None:
    """Collect garbage from now on, but not among the imported modules and the tests."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Divide the tests among the workers."""
    return scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests. With containers: deselect those that use no server, skip the others if there is no Docker."""
    longest_first(items)
    if not ON_CONTAINERS:
        return
    chosen = [item for item in items if item.get_closest_marker("containers") or _SERVERS & set(_fixtures(item))]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
    if reason := why_not():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.fixture(scope="session")
async def nats_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A NATS server with the streams, consumers and buckets of both modes."""
    # Not at the top: xdist's controller, which runs no test, would spend a second on these imports before it begins.
    import nats

    from embedded.nats import running_nats
    from shared.bus.bootstrap import bootstrap

    directory = tmp_path_factory.mktemp("nats")
    async with container_nats() if ON_CONTAINERS else running_nats(directory, durable=False) as url:
        client = await nats.connect(url)
        await bootstrap(client.jetstream())
        await client.close()
        yield url


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> "AsyncIterator[PostgresServer]":
    """A PostgreSQL server; each test creates the databases that it needs."""
    from embedded.postgres import running_postgres

    directory = tmp_path_factory.mktemp("postgres")
    async with container_postgres() if ON_CONTAINERS else running_postgres(directory) as server:
        yield server
