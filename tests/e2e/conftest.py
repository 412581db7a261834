"""One running stack for the tests that put load and faults on it."""

from collections.abc import AsyncIterator

import pytest

from embedded.ports import free_ports
from embedded.settings import Settings
from tests.e2e.embedded_run import EmbeddedRun
from tests.e2e.nodes import add_nodes


@pytest.fixture(scope="session")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedRun]:
    """The embedded stack, its demo cluster large enough for hundreds of tenants."""
    directory = tmp_path_factory.mktemp("stack")
    variables = [port.variable for port in Settings.read().ports()]
    ports = dict(zip(variables, map(str, free_ports(len(variables))), strict=True))
    embedded = EmbeddedRun(directory / "data", {**ports, "ECP_DATA_DIR": str(directory / "data"), "SCALE": ""})
    await embedded.start()
    await add_nodes(embedded.simulator)
    yield embedded
    embedded.end()
