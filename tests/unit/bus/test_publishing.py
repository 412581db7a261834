"""What a publisher remembers of its last publish, for `/ready`."""

import uuid
from typing import Any, cast

import nats.errors
import pytest
from faststream.nats import NatsBroker

from shared.bus.envelope import MESSAGE_ID, derived_id
from shared.bus.publishing import EventPublisher, size_of
from shared.errors import DependencyUnavailable


class Broker:
    """Its connection answers as NATS does, or not at all."""

    max_payload = 1024 * 1024

    def __init__(self) -> None:
        self.error: Exception | None = None

    @property
    def connection(self) -> "Broker":
        return self

    def jetstream(self) -> "Broker":
        return self

    async def publish(self, *_: Any, **__: Any) -> None:
        if self.error is not None:
            raise self.error


async def test_a_publish_that_nats_did_not_keep_is_remembered_until_one_succeeds() -> None:
    broker = Broker()
    publisher = EventPublisher(cast(NatsBroker, broker), "gateway", 1.0)
    event = ("demo.tenant.created", b"{}", {MESSAGE_ID: "a"})
    await publisher.check_writes()
    broker.error = nats.errors.TimeoutError()
    with pytest.raises(DependencyUnavailable):
        await publisher.publish_encoded(*event)
    with pytest.raises(DependencyUnavailable, match="was not acknowledged"):
        await publisher.check_writes()
    broker.error = None
    await publisher.publish_encoded(*event)
    await publisher.check_writes()


@pytest.mark.parametrize("parts", [(), ("a",), ("event-1", "monitor-stores", "sla.reported", "0"), ("한글", "\x1f")])
def test_a_derived_id_is_a_uuid5(parts: tuple[str, ...]) -> None:
    namespace = uuid.uuid5(uuid.NAMESPACE_DNS, "events.ecp.ai")
    assert derived_id(*parts) == str(uuid.uuid5(namespace, "\x1f".join(parts)))


def test_the_size_of_a_message_counts_bytes() -> None:
    headers = {"name": "값", "other": "plain"}
    written = sum(len(f"{name}: {value}\r\n".encode()) for name, value in headers.items())
    assert size_of(headers, b"12") - size_of({}) == written + 2
