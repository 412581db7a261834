"""The deployer's records of what was deployed, and the promise that follows from them. Pure.

The bucket `applied` has a record for each target and tenant, and the bucket `manifests` has each manifest that a record
names, by digest. The promise is derived from these, so changes in the cluster can't alter it.
"""

from collections.abc import Callable, Mapping

from pydantic import Field

from shared.outcomes import Outcome
from shared.sla.promise import NOTHING, Promise, in_force
from shared.tenants import Model

_DONE = frozenset({Outcome.COMPLETED, Outcome.ROLLED_BACK})

PromiseOf = Callable[[str], Promise | None]
"""The promise of the manifest with a digest; None if the manifest is gone."""


class AppliedGeneration(Model):
    """What a generation should bring about."""

    action: str = "deploy"
    operation: str | None = None
    digest: str | None = None


class AppliedRecord(Model):
    """The fields that the monitor reads from `services.deployer.state.records.AppliedState`, a tenant's record."""

    outcome: str
    digest: str | None = None
    """The manifest of the last completed rollout."""
    unfinished: tuple[str, ...] = ()
    """Manifests of rollouts that began after it and didn't complete."""
    stopped: bool = False
    """Whether the tenant has been stopped, and no start has completed since."""
    changed: bool = False
    """Whether the generation may have changed anything; of a cancelled one, else, all is as it was before."""
    wanted: AppliedGeneration = Field(default_factory=AppliedGeneration)

    @property
    def digests(self) -> tuple[str, ...]:
        """The manifests that the promise depends on; none for a deleted tenant, whose manifests are removed."""
        if self.outcome == Outcome.DELETED:
            return ()
        named = (self.digest, *self.unfinished, self.wanted.digest)
        return tuple(dict.fromkeys(each for each in named if each is not None))


def promise_in(record: AppliedRecord, promise_of: PromiseOf) -> Promise | None:
    """The promise in force. None if a manifest that it depends on is gone."""
    promises = {digest: promise_of(digest) for digest in record.digests}
    known = {digest: each for digest, each in promises.items() if each is not None}
    if len(known) < len(promises):
        return None
    rolled_out = known[record.digest] if record.digest else None
    if record.outcome == Outcome.CANCELLED:
        return _after_cancel(record, rolled_out, known)
    if record.outcome == Outcome.DELETED or record.wanted.action != "deploy":
        return Promise(rolled_out.services, rests=True) if rolled_out and record.outcome != Outcome.DELETED else NOTHING
    if record.outcome in _DONE:
        return in_force(rolled_out, [])
    begun = [known[each] for each in (*record.unfinished, record.wanted.digest) if each is not None]
    is_start = record.outcome == Outcome.RUNNING and (record.stopped or record.wanted.operation == "start")
    return in_force(rolled_out, begun, is_start=is_start)


def _after_cancel(record: AppliedRecord, rolled_out: Promise | None, known: Mapping[str, Promise]) -> Promise:
    """A cancelled rollout may have replaced a part; a cancelled stop is none, and the tenant should run."""
    if record.stopped:
        return Promise(rolled_out.services, rests=True) if rolled_out else NOTHING
    begun = record.wanted.digest if record.changed and record.wanted.action == "deploy" else None
    return in_force(rolled_out, [known[each] for each in (*record.unfinished, begun) if each is not None])
