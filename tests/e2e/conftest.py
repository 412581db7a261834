"""Running stacks for tests with load and faults."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from embedded.directory import DataDirectory
from embedded.ports import free_ports
from embedded.settings import EmbeddedSettings
from tests.e2e.embedded_run import EmbeddedRun
from tests.support.nodes import add_nodes
from tests.support.small_disk import small_disk


@asynccontextmanager
async def stack(data: Path, more: Mapping[str, str] | None = None) -> AsyncIterator[EmbeddedRun]:
    """An embedded stack whose demo cluster has room for hundreds of tenants; `more` are environment variables."""
    variables = [port.variable for port in EmbeddedSettings.read().ports()]
    ports = dict(zip(variables, map(str, free_ports(len(variables))), strict=True))
    embedded = EmbeddedRun(data, {**ports, "ECP_DATA_DIR": str(data), "SCALE": "", **(more or {})})
    try:
        await embedded.start()
        await add_nodes(embedded.simulator)
        yield embedded
    finally:
        embedded.end()


@pytest.fixture(scope="package")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedRun]:
    """One stack for all tests of this folder that can share it; even an idle one takes a part of a core."""
    async with stack(tmp_path_factory.mktemp("stack") / "data") as embedded:
        yield embedded


@pytest.fixture
async def run_on_a_small_disk(tmp_path: Path) -> AsyncIterator[EmbeddedRun]:
    """A stack whose NATS has a separate disk, which a test can fill."""
    data = DataDirectory.prepare(tmp_path / "data")
    data.jetstream.mkdir()
    with small_disk(data.jetstream, "256m"):
        async with stack(data.root) as embedded:
            yield embedded
