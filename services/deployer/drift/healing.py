"""Applies again what has drifted, where that was asked for.

Under the tenant's lease, so that no operation is at work at the same time, and with a look at what is desired before
each object: a newer generation ends it. Fields are taken from their present manager, since that is what healing means.
"""

from collections.abc import Sequence

from services.deployer.cluster.api import ClusterApi, Obj, ref_of
from services.deployer.health.snapshot import minimums
from services.deployer.reconcile.apply import apply_possible, claim_namespace, recorded
from services.deployer.reconcile.generation_guard import Superseded
from services.deployer.reconcile.scaling import SCALABLE
from services.deployer.state.records import AppliedState, DesiredState, ObjectRef, Outcome, is_settled
from services.deployer.state.repository import StateRepository
from shared.tenants import NAMESPACE_PREFIX


def is_watched(applied: AppliedState) -> bool:
    """Whether there is something that must stay as it was deployed: a deployment that is done, and wasn't stopped."""
    is_done = applied.outcome in (Outcome.COMPLETED, Outcome.ROLLED_BACK)
    return is_done and applied.digest is not None and applied.wanted is not None and applied.wanted.action == "deploy"


async def heal(
    cluster: ClusterApi, states: StateRepository, key: str, applied: AppliedState, objects: Sequence[Obj]
) -> list[ObjectRef]:
    """Apply `objects` of what is `applied`, in the order of apply; what was made.

    Raises Superseded where another generation is desired, NamespaceNotOurs where others have made the namespace since,
    and what applying raises.
    """
    tenant_id = applied.wanted.tenant_id if applied.wanted else ""
    await claim_namespace(cluster, f"{NAMESPACE_PREFIX}{tenant_id}", tenant_id, applied.inventory)
    made = []
    for obj in objects:
        await _check(states, key, applied.generation)
        made.append(recorded(await apply_possible(cluster, obj, [], force=True)))
    return made


async def rouse(
    cluster: ClusterApi, states: StateRepository, key: str, generation: int, objects: Sequence[Obj]
) -> None:
    """Scale what autoscalers scale to their minimum. `objects` are the whole manifest. Raises Superseded.

    Of 0 replicas an autoscaler leaves them there; of fewer than its minimum, as a workload that was just made has, they
    would be taken for drift until it has a look.
    """
    floors = minimums(objects, frozenset())
    for obj in objects:
        floor = floors.get((obj["kind"], obj["metadata"]["name"]), 0)
        if not floor or obj["kind"] not in SCALABLE or (live := await cluster.read(ref_of(obj))) is None:
            continue
        if live["spec"].get("replicas", 1) < floor:
            await _check(states, key, generation)
            await cluster.patch(ref_of(obj), {"spec": {"replicas": floor}})


async def _check(states: StateRepository, key: str, generation: int) -> None:
    state = await states.read(key)
    if not is_current(state.desired, state.applied, generation):
        raise Superseded


def is_current(desired: DesiredState | None, applied: AppliedState | None, generation: int) -> bool:
    """Whether `generation` is what is desired, and done."""
    if desired is None or applied is None or desired.generation != generation:
        return False
    return applied.generation == generation and is_settled(desired, applied) and is_watched(applied)
