"""What was deployed, as the deployer recorded it: pure.

The bucket `applied` has a record for each target and tenant, which outlives whatever happens in the cluster. The
manifests that it names are kept under their digests, so the promise follows from what was deployed, and nothing that
is done to a cluster changes it.
"""

from collections.abc import Callable

from pydantic import Field

from shared.sla.promise import NOTHING, Promise, in_force
from shared.tenants import Model

_DONE = frozenset({"completed", "rolled-back"})

PromiseOf = Callable[[str], Promise | None]
"""The promise of the manifest with a digest; None where that isn't there any more."""


class Wanted(Model):
    """What a generation is to bring about."""

    action: str = "deploy"
    operation: str | None = None
    digest: str | None = None


class Record(Model):
    """What the monitor reads of the deployer's record of a tenant (`services.deployer.state.records.Applied`)."""

    outcome: str
    digest: str | None = None
    """The manifest that rolled out last."""
    unfinished: tuple[str, ...] = ()
    """Manifests of earlier generations that were begun since."""
    stopped: bool = False
    """Whether nothing has run since a stop began."""
    wanted: Wanted = Field(default_factory=Wanted)

    @property
    def digests(self) -> tuple[str, ...]:
        """Every manifest that the promise depends on; none of a tenant that is deleted, whose manifests go."""
        if self.outcome == "deleted":
            return ()
        named = (self.digest, *self.unfinished, self.wanted.digest)
        return tuple(dict.fromkeys(each for each in named if each is not None))


def promise_in(record: Record, promise_of: PromiseOf) -> Promise | None:
    """The promise that counts. None where a manifest that it depends on isn't there."""
    promises = {digest: promise_of(digest) for digest in record.digests}
    known = {digest: each for digest, each in promises.items() if each is not None}
    if len(known) < len(promises):
        return None
    rolled_out = known[record.digest] if record.digest else None
    if record.outcome == "deleted" or record.wanted.action != "deploy":
        return Promise(rolled_out.services, rests=True) if rolled_out and record.outcome != "deleted" else NOTHING
    if record.outcome in _DONE:
        return in_force(rolled_out, [])
    begun = [known[each] for each in (*record.unfinished, record.wanted.digest) if each is not None]
    is_start = record.outcome == "running" and (record.stopped or record.wanted.operation == "start")
    return in_force(rolled_out, begun, is_start=is_start)
