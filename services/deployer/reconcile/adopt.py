"""Adopts an existing namespace: its objects become the tenant's, and nothing of them changes but labels.

What is there becomes the tenant's manifest. Applying it makes us one of its fields' owners. Before that, a dry run
of each object shows that only labels would change, so that no pod restarts. Whether the workloads are healthy is the
monitor's concern: an adoption doesn't wait for them.
"""

import hashlib
from collections.abc import Sequence
from functools import partial

import orjson

from services.deployer.cluster.adoption import AdoptionPlan, changes_more_than_labels, plan_adoption
from services.deployer.cluster.api import ClusterApi, KindUnknown, ref_of
from services.deployer.cluster.manifest_objects import WORKLOADS
from services.deployer.reconcile.manifest_apply import apply_all
from services.deployer.reconcile.progress import ApplyProgress, listed
from services.deployer.reconcile.prune import refuse_terminating
from services.deployer.reconcile.work import TenantWork
from services.deployer.state.progress_report import ProgressReport
from services.deployer.state.records import ObjectRef
from shared.errors import PermanentError
from shared.events import Phase, ResourceState
from shared.kube.kinds import Kind, kind_of
from shared.kube.objects import Obj
from shared.kube.rights import DEPLOYER
from shared.reading import InvalidText, refuse_unusable

_BASE_KINDS = frozenset(right.kind for right in DEPLOYER[""])
"""Kinds that we always have rights on; on others only with the right options of rbac.yaml."""
_MOST_BYTES = 1024 * 1024
"""Of the manifest of an adopted namespace, which is stored as one message."""


class NotAdoptable(PermanentError):
    """The namespace can't be adopted as it is; nothing was changed."""

    code = "ADOPTION_REFUSED"


class AdoptedManifest:
    """The manifest of an adopted namespace, and the digest under which it is stored."""

    def __init__(self, objects: Sequence[Obj]) -> None:
        """Raises NotAdoptable for objects that are nested too deeply: no reader of a manifest checks that again."""
        try:
            refuse_unusable(list(objects))
        except InvalidText as error:
            raise NotAdoptable(f"its objects can't be stored: {error}") from error
        listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.text = orjson.dumps(listing, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
        self.digest = f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"


class Adoption:
    """The adoption of one tenant's namespace. Its methods raise what `TenantWork` raises."""

    def __init__(self, work: TenantWork) -> None:
        self._work = work
        self._recorder = work.recorder

    async def run(self) -> tuple[ProgressReport, str]:
        """The final report, and the digest of the tenant's manifest. Raises NotAdoptable before anything is changed."""
        work = self._work
        namespace = await read_namespace(work.cluster, work.namespace)
        if namespace is None:
            raise NotAdoptable(f"there is no Namespace {work.namespace} to adopt")
        refuse_terminating(namespace)
        contents = await contents_of(work.cluster, namespace)
        plan = await plan_for(work.cluster, namespace, contents, work.desired.tenant_id)
        manifest = AdoptedManifest(plan.objects)
        await self._check(plan, manifest)
        await work.context.manifests.keep(manifest.digest, manifest.text)
        await self._recorder.record_expected(ref_of(obj) for obj in plan.objects)
        force, report = work.desired.options.force_conflicts, partial(self._report, ApplyProgress(plan.objects))
        applied = await apply_all(work.cluster, plan.objects, force=force, check=work.check, report=report)
        await self._recorder.record_inventory(applied.refs)
        return await self._done(plan), manifest.digest

    async def _check(self, plan: AdoptionPlan, manifest: AdoptedManifest) -> None:
        """Raise NotAdoptable unless applying the manifest changes labels only."""
        if plan.conflicts and not self._work.desired.options.force_conflicts:
            raise NotAdoptable(f"{'; '.join(plan.conflicts)}: set force_conflicts to change it")
        if len(manifest.text.encode()) > _MOST_BYTES:
            raise NotAdoptable(
                f"the objects of {self._work.namespace} have more than {_MOST_BYTES} bytes as a manifest"
            )
        if self._work.context.preflight is not None:
            await self._work.context.preflight.check(plan.objects, self._work.namespace)
        for obj in plan.objects:
            self._work.check()
            live, after = await self._work.cluster.read(ref_of(obj)), await self._work.cluster.preview(obj)
            if live is None or changes_more_than_labels(live, after):
                raise NotAdoptable(f"{ref_of(obj)} can't be adopted unchanged: it is changing now, or a webhook would")

    async def _report(self, progress: ApplyProgress, position: int, is_skipped: bool) -> None:
        await self._work.report(progress.after(position, is_skipped=is_skipped))

    async def _done(self, plan: AdoptionPlan) -> ProgressReport:
        states = [_state(obj, await self._work.cluster.read(ref_of(obj))) for obj in plan.objects]
        left = [f"{each.obj['kind']} {each.obj['metadata']['name']}" for each in plan.left]
        rest = f"; left alone: {listed(left)}" if left else ""
        message = f"adopted {len(plan.objects)} objects, which are unchanged but for labels{rest}"
        return ProgressReport(Phase.DONE, 100, message, tuple(states))


async def read_namespace(cluster: ClusterApi, name: str) -> Obj | None:
    """The namespace, also one that others created; None if there is none."""
    return await cluster.read(ObjectRef(api_version="v1", kind="Namespace", name=name))


async def contents_of(cluster: ClusterApi, namespace: Obj) -> Sequence[Obj]:
    """All objects in a namespace, of every kind that we may list."""
    return await cluster.contents(namespace["metadata"]["name"])


async def plan_for(cluster: ClusterApi, namespace: Obj, contents: Sequence[Obj], tenant_id: str) -> AdoptionPlan:
    """The plan for a namespace with `contents`. Kinds of options that we have no rights on are left alone."""
    name = namespace["metadata"]["name"]
    optional = {kind_of(each) for each in contents if each["kind"] not in _BASE_KINDS}
    denied = {kind for kind in optional if not await _may_patch(cluster, kind, name)}
    return plan_adoption(namespace, contents, tenant_id, denied=frozenset(denied))


async def _may_patch(cluster: ClusterApi, kind: Kind, namespace: str) -> bool:
    try:
        return await cluster.allows("patch", kind, namespace)
    except KindUnknown:
        return False


def _state(obj: Obj, live: Obj | None) -> ResourceState:
    kind, name = obj["kind"], obj["metadata"]["name"]
    if kind not in WORKLOADS or live is None:
        return ResourceState(type=kind, name=name, status="Active")
    wanted = int(live["spec"].get("replicas", 1))
    ready = min(int((live.get("status") or {}).get("readyReplicas", 0)), wanted)
    status = "Available" if ready >= wanted else "Progressing"
    return ResourceState(type=kind, name=name, status=status, replicas=f"{ready}/{wanted}")
