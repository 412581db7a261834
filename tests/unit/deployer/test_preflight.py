"""Rights that are missing are named all at once, before anything is applied."""

import asyncio
from typing import Any

import pytest

from services.deployer.reconcile.preflight import Forbidden, Preflight
from shared.events import DeployCompleted, DeployFailed
from shared.kube.kinds import Kind
from tests.support.deployer_fakes import FakeCluster
from tests.support.deployer_scenario import NAMESPACE, TenantScenario, config_map, deployment, namespace

MANIFEST = (namespace(), config_map("settings", a="1"), deployment("callbot"))
MONITOR = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "m"}}


async def test_all_that_is_missing_is_named_at_once_and_nothing_is_applied() -> None:
    scenario = TenantScenario()
    scenario.cluster.forbidden = {
        *(("create", "Namespace"), ("patch", "Namespace"), ("watch", "Pod"), ("list", "Node"), ("list", "Event")),
    }
    deployment_id = await scenario.desire(1, MANIFEST)
    await scenario.settle()
    [*_, failed] = scenario.events_of(deployment_id)
    assert isinstance(failed, DeployFailed)
    assert failed.message == (
        "we may not do on cluster fake what this deployment needs: create, patch on Namespace (v1); watch on Pod (v1); "
        "list on Event (v1); list on Node (v1). deploy/kubernetes/rbac.yaml has all rights"
    )
    assert scenario.cluster.names == set()


async def test_rights_that_only_help_are_no_reason_to_fail() -> None:
    scenario = TenantScenario()
    scenario.cluster.forbidden = {("list", "Node"), ("list", "Event")}
    deployment_id = await scenario.desire(1, MANIFEST)
    await scenario.settle()
    assert isinstance(scenario.events_of(deployment_id)[-1], DeployCompleted)


async def test_rights_in_the_tenant_s_namespace_suffice() -> None:
    class Narrow(FakeCluster):
        async def allows(self, verb: str, kind: Kind, namespace: str) -> bool:
            return namespace == NAMESPACE

    await Preflight(Narrow()).check(MANIFEST, NAMESPACE)
    with pytest.raises(Forbidden):
        await Preflight(Narrow()).check(MANIFEST, "ecp-ai-other")


async def test_a_kind_of_an_extension_that_the_cluster_has_not_needs_no_rights() -> None:
    cluster = FakeCluster()
    cluster.unknown.add("ServiceMonitor")
    await Preflight(cluster).check([*MANIFEST, MONITOR], NAMESPACE)


async def test_a_cluster_that_does_not_answer_about_rights_is_tried_without() -> None:
    cluster = FakeCluster()
    cluster.unknown.add("Deployment")
    await Preflight(cluster).check(MANIFEST, NAMESPACE)


async def test_many_deployments_at_once_ask_for_each_right_once_and_for_a_missing_one_again() -> None:
    asked: list[Any] = []

    class Counting(FakeCluster):
        async def allows(self, verb: str, kind: Kind, namespace: str) -> bool:
            asked.append((verb, kind.kind, namespace))
            await asyncio.sleep(0)
            return await super().allows(verb, kind, namespace)

    cluster = Counting()
    preflight = Preflight(cluster)
    await asyncio.gather(*(preflight.check(MANIFEST, f"ecp-ai-{number}") for number in range(20)))
    assert len(asked) == len(set(asked))
    cluster.forbidden = {("list", "Service")}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    with pytest.raises(Forbidden):
        await preflight.check([service], NAMESPACE)
    cluster.forbidden = set()
    await preflight.check([service], NAMESPACE)
