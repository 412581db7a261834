"""What the integration tests share."""

import pytest

from embedded.ports import free_ports
from tests.support.warm_programs import PROGRAMS, WarmPrograms


@pytest.fixture(scope="session")
def programs() -> WarmPrograms:
    """The command `ecp`, and the one that makes a first key, as processes."""
    return PROGRAMS


@pytest.fixture
def unused_tcp_port() -> int:
    """A port of a range that Linux gives to no connection: pytest-asyncio's may be taken before the test listens."""
    return free_ports(1)[0]
