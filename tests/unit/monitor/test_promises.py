"""Which records and manifests are read, and how often: with a bus in memory."""

from types import SimpleNamespace
from typing import Any, cast

import orjson
from nats.js.errors import NotFoundError

from services.monitor.collect.promises import DeployedPromises
from shared.sla import Promise


class Bus:
    """A stream with one record, and manifests that can't be read."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.record = orjson.dumps({"outcome": "completed", "digest": "sha256:bad"})

    async def stream_info(self, stream: str) -> Any:
        return SimpleNamespace(created=None, state=SimpleNamespace(last_seq=1))

    async def get_msg(self, stream: str, sequence: int, subject: str, **_: object) -> Any:
        if sequence > 1:
            raise NotFoundError
        return SimpleNamespace(subject=f"{subject.rstrip('*')}acme", seq=1, data=self.record)

    async def get(self, key: str) -> Any:
        self.fetched.append(key)
        return SimpleNamespace(value=b"kind: Deployment\nmetadata: 7\n")


async def test_an_unreadable_manifest_is_read_only_once() -> None:
    bus = Bus()

    async def manifests() -> Any:
        return bus

    promises = DeployedPromises("demo_applied", "simulator", lambda: cast(Any, bus), manifests)
    found = [await promises.read() for _ in range(3)]
    assert found == [dict[str, Promise]()] * 3
    assert len(bus.fetched) == 1
