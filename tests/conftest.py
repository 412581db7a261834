"""Real servers for every test that needs them: one NATS and one PostgreSQL a session, started in milliseconds."""

from collections.abc import AsyncIterator

import nats
import pytest
import structlog
from hypothesis import settings

from embedded.nats import running_nats
from embedded.postgres import PostgresServer, running_postgres
from shared.bus.bootstrap import bootstrap
from shared.logging import configure_logging

# A deadline for each example measures the machine, which others use too.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
configure_logging("tests", as_json=True)
# A test that captures logs must reach the loggers that others have used before.
structlog.configure(cache_logger_on_first_use=False)


@pytest.fixture(scope="session")
async def nats_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A NATS server with the streams, consumers and buckets of both modes."""
    async with running_nats(tmp_path_factory.mktemp("nats")) as url:
        client = await nats.connect(url)
        await bootstrap(client.jetstream())
        await client.close()
        yield url


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL server; each test makes the databases that it needs."""
    async with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server
