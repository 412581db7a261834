"""Stops a tenant: scales its workloads to 0 replicas, and waits until their pods are gone. Its volumes stay."""

from collections.abc import Sequence
from functools import partial

from services.deployer.cluster.api import POD, REPLICA_SET, stub_of
from services.deployer.cluster.informer import Informer
from services.deployer.reconcile.deadlines import DeploymentFailed
from services.deployer.reconcile.prune import refuse_terminating
from services.deployer.reconcile.scaling import SCALABLE, plan_stop
from services.deployer.reconcile.work import TenantWork
from services.deployer.state.progress_report import ProgressReport
from services.deployer.state.records import ObjectRef
from shared.events import Phase
from shared.kube.kinds import Kind


async def stop(work: TenantWork) -> None:
    """Complete the generation once nothing runs. Raises DeploymentFailed when the timeout has passed."""
    namespace = await work.claim_namespace()
    refuse_terminating(namespace)
    await work.recorder.record_changing()
    refs = [ref for ref in work.applied.inventory if ref.kind in SCALABLE] if namespace else []
    kinds = dict.fromkeys(Kind(ref.api_version, ref.kind) for ref in refs)
    report = await work.watch((*kinds, *((POD, REPLICA_SET) if refs else ())), partial(_assess, work, refs))
    await work.recorder.complete(report)


async def _assess(work: TenantWork, refs: Sequence[ObjectRef], informer: Informer) -> ProgressReport | None:
    """Scale down what still has replicas; the final report if nothing runs any more."""
    workloads = [live for ref in refs if (live := informer.find(stub_of(ref))) is not None]
    step = plan_stop(workloads, informer.all(POD), informer.all(REPLICA_SET))
    if step.is_done:
        return step.report._replace(phase=Phase.DONE, progress=100)
    await work.patch(step.patches)
    await work.report(work.recorder.not_before_last(step.report))
    if work.is_over:
        raise DeploymentFailed(f"not stopped within {work.desired.options.timeout}: {step.report.message}")
    return None
