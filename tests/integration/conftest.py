"""What the integration tests share."""

import pytest

from embedded.ports import free_ports


@pytest.fixture
def unused_tcp_port() -> int:
    """A port of a range that Linux gives to no connection: pytest-asyncio's may be taken before the test listens."""
    return free_ports(1)[0]
