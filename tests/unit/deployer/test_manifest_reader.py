"""A manifest is read by its digest, which is verified; a replica of the bucket may lag behind."""

import hashlib
from typing import Any, cast

import nats.errors
import pytest
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from services.deployer.state.errors import ManifestMissing
from services.deployer.state.manifest_reader import ManifestReader
from shared.errors import DependencyUnavailable
from shared.subjects import Bucket, manifest_key

TEXT = b"kind: Namespace\n"
DIGEST = f"sha256:{hashlib.sha256(TEXT).hexdigest()}"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.deployer.state.manifest_reader._PAUSE", 0.0)


class Manifests:
    """The bucket of manifests, whose next reads give these answers."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self._answers = list(answers)
        self.reads = 0

    async def key_value(self, bucket: Bucket) -> "Manifests":
        assert bucket is Bucket.MANIFESTS
        return self

    async def get(self, key: str) -> KeyValue.Entry:
        assert key == manifest_key(DIGEST)
        answer = self._answers[min(self.reads, len(self._answers) - 1)]
        self.reads += 1
        if isinstance(answer, Exception):
            raise answer
        return KeyValue.Entry("manifests", key, answer, 1, None, None, None)


async def fetched(manifests: Manifests) -> str:
    return await ManifestReader(cast(Any, manifests)).fetch(DIGEST)


async def test_a_manifest_that_a_replica_does_not_have_yet_is_waited_for() -> None:
    manifests = Manifests(KeyNotFoundError(), KeyNotFoundError(), TEXT)
    assert await fetched(manifests) == TEXT.decode()
    assert manifests.reads == 3


async def test_a_manifest_that_does_not_come_is_missing() -> None:
    manifests = Manifests(KeyNotFoundError())
    with pytest.raises(ManifestMissing, match=DIGEST):
        await fetched(manifests)
    assert manifests.reads == 5


async def test_a_text_with_another_digest_is_lost_and_not_deployed() -> None:
    with pytest.raises(ManifestMissing, match="another digest"):
        await fetched(Manifests(TEXT + b"# changed\n"))


async def test_an_outage_of_nats_is_temporary_and_not_waited_for() -> None:
    manifests = Manifests(nats.errors.TimeoutError())
    with pytest.raises(DependencyUnavailable, match="NATS"):
        await fetched(manifests)
    assert manifests.reads == 1
