"""Applies drifted objects again, for tenants with `heal_drift`.

It runs under the tenant's lease, so that no operation is in progress, and reads the records again before each object:
a higher generation ends it. Fields are taken from their present manager, since that is the purpose of healing.
"""

from collections.abc import Sequence

from services.deployer.cluster.api import ClusterApi, ref_of
from services.deployer.cluster.manifest_objects import autoscaler_minimums
from services.deployer.reconcile.apply import apply_possible, recorded
from services.deployer.reconcile.generation_guard import Superseded
from services.deployer.reconcile.prune import claim_namespace
from services.deployer.reconcile.scaling import SCALABLE
from services.deployer.state.generations import is_settled
from services.deployer.state.records import AppliedState, DesiredState, ObjectRef
from services.deployer.state.repository import StateRepository
from shared.kube.objects import Obj
from shared.outcomes import Outcome
from shared.tenants import NAMESPACE_PREFIX


def is_watched(applied: AppliedState) -> bool:
    """Whether drift matters: for a concluded deployment of a tenant that wasn't stopped.

    After a cancelled one, what runs is compared with the manifest that was healthy last.
    """
    is_done = applied.outcome in (Outcome.COMPLETED, Outcome.ROLLED_BACK)
    is_done = is_done or (applied.outcome is Outcome.CANCELLED and not applied.stopped)
    return is_done and applied.digest is not None and applied.wanted is not None and applied.wanted.action == "deploy"


def is_current(desired: DesiredState | None, applied: AppliedState | None, generation: int) -> bool:
    """Whether `generation` is the desired one, and concluded."""
    if desired is None or applied is None or desired.generation != generation:
        return False
    return applied.generation == generation and is_settled(desired, applied) and is_watched(applied)


async def heal(
    cluster: ClusterApi, states: StateRepository, key: str, applied: AppliedState, objects: Sequence[Obj]
) -> list[ObjectRef]:
    """Apply `objects`, which are in the order of apply, again; returns their new inventory entries.

    Raises Superseded if another generation is desired, NamespaceNotOurs if others have created the namespace since, and
    the errors of apply.
    """
    tenant_id = applied.wanted.tenant_id if applied.wanted else ""
    await claim_namespace(cluster, f"{NAMESPACE_PREFIX}{tenant_id}", tenant_id, applied.inventory)
    healed = []
    for obj in objects:
        await _check(states, key, applied.generation)
        healed.append(recorded(await apply_possible(cluster, obj, [], force=True)))
    return healed


async def scale_to_minimums(
    cluster: ClusterApi, states: StateRepository, key: str, generation: int, objects: Sequence[Obj]
) -> None:
    """Scale autoscaled workloads to their minimum. `objects` are the whole manifest. Raises Superseded.

    An autoscaler never raises 0 replicas. A workload that was just created has fewer than the minimum until its
    autoscaler acts, and would count as drifted.
    """
    minimums = autoscaler_minimums(objects)
    for obj in objects:
        minimum = minimums.get((obj["kind"], obj["metadata"]["name"]), 0)
        if not minimum or obj["kind"] not in SCALABLE or (live := await cluster.read(ref_of(obj))) is None:
            continue
        if live["spec"].get("replicas", 1) < minimum:
            await _check(states, key, generation)
            await cluster.patch(ref_of(obj), {"spec": {"replicas": minimum}})


async def _check(states: StateRepository, key: str, generation: int) -> None:
    records = await states.read(key)
    if not is_current(records.desired, records.applied, generation):
        raise Superseded
