"""Applies again what has drifted, where that was asked for.

Under the tenant's lease, so that no operation is at work at the same time, and with a look at what is desired before
each object: a newer generation ends it. Fields are taken from their present manager, since that is what healing means.
"""

from collections.abc import Sequence

from services.deployer.apply import apply_possible, recorded
from services.deployer.cluster import Cluster, Obj, ref_of
from services.deployer.desired import Applied, Desired, ObjectRef, Outcome, is_settled
from services.deployer.newest import Superseded
from services.deployer.scaling import to_run
from services.deployer.states import States


def is_watched(applied: Applied) -> bool:
    """Whether there is something that must stay as it was deployed: a deployment that is done, and wasn't stopped."""
    is_done = applied.outcome in (Outcome.COMPLETED, Outcome.ROLLED_BACK)
    return is_done and applied.digest is not None and applied.wanted is not None and applied.wanted.action == "deploy"


async def heal(cluster: Cluster, states: States, key: str, generation: int, objects: Sequence[Obj]) -> list[ObjectRef]:
    """Apply `objects`, which are in the order of apply, and let run what is scaled to nothing; what was made.

    Raises Superseded where another generation is desired, and what applying raises.
    """
    made = []
    for obj in objects:
        await _check(states, key, generation)
        made.append(recorded(await apply_possible(cluster, obj, [], force=True)))
    return made


async def rouse(cluster: Cluster, states: States, key: str, generation: int, objects: Sequence[Obj]) -> None:
    """Let the workloads run that an autoscaler leaves at 0. `objects` are the whole manifest. Raises Superseded."""
    refs = [ref_of(obj) for obj in objects if obj["kind"] in ("Deployment", "StatefulSet")]
    found = {ref.identity: await cluster.read(ref) for ref in refs}
    for ref, body in to_run(objects, frozenset(), lambda obj: found.get(ref_of(obj).identity), None):
        await _check(states, key, generation)
        await cluster.patch(ref, body)


async def _check(states: States, key: str, generation: int) -> None:
    state = await states.read(key)
    if not is_current(state.desired, state.applied, generation):
        raise Superseded


def is_current(desired: Desired | None, applied: Applied | None, generation: int) -> bool:
    """Whether `generation` is what is desired, and done."""
    if desired is None or applied is None or desired.generation != generation:
        return False
    return applied.generation == generation and is_settled(desired, applied) and is_watched(applied)
