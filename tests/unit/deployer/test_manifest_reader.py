"""A manifest is read by its digest, which is verified; a replica of the bucket may lag behind."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, cast

import nats.errors
import pytest
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from services.deployer.state.errors import InvalidManifest, ManifestMissing
from services.deployer.state.manifest_reader import ManifestReader
from services.manifest.rendering import to_stored, to_yaml
from shared.errors import DependencyUnavailable
from shared.kube.objects import Obj
from shared.subjects import Bucket, manifest_key

TEXT = b"kind: Namespace\n"
DIGEST = f"sha256:{hashlib.sha256(TEXT).hexdigest()}"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.deployer.state.manifest_reader._PAUSE", 0.0)


class Manifests:
    """The bucket of manifests, whose next reads give these answers."""

    def __init__(self, *answers: bytes | Exception, digest: str = DIGEST) -> None:
        self._answers = list(answers)
        self._key = manifest_key(digest)
        self.reads = 0

    async def key_value(self, bucket: Bucket) -> "Manifests":
        assert bucket is Bucket.MANIFESTS
        return self

    async def get(self, key: str) -> KeyValue.Entry:
        assert key == self._key
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


@pytest.mark.parametrize("write", [to_yaml, to_stored], ids=["yaml", "json"])
async def test_objects_are_read_from_json_and_from_the_yaml_of_an_earlier_release(
    write: Callable[[Sequence[Obj]], str],
) -> None:
    objects: list[Obj] = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "tts"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ecp-ai-it"}},
    ]
    text = write(objects).encode()
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    found = await ManifestReader(cast(Any, Manifests(text, digest=digest))).objects(digest, "ecp-ai-it")
    placed = {"name": "tts", "namespace": "ecp-ai-it"}
    assert found == [objects[1], {**objects[0], "metadata": placed}]


@pytest.mark.parametrize("text", [b"{}", b'{"kind": "List"}', b"a: [", b'{"kind": "Pod"}', b"{"])
async def test_what_is_no_manifest_is_invalid(text: bytes) -> None:
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    with pytest.raises(InvalidManifest):
        await ManifestReader(cast(Any, Manifests(text, digest=digest))).objects(digest, "ns")


async def test_an_outage_of_nats_is_temporary_and_not_waited_for() -> None:
    manifests = Manifests(nats.errors.TimeoutError())
    with pytest.raises(DependencyUnavailable, match="NATS"):
        await fetched(manifests)
    assert manifests.reads == 1
