"""A cluster as the sampler reads it: five watched lists and the pods' usage.

A simulated cluster and a real one are read in the same way.
"""

import asyncio
from collections.abc import Sequence

from services.monitor.collect.api_server import ApiServer, Endpoint, RequestFailed
from services.monitor.collect.kept_fields import kept_of_pod, kept_of_rule, kept_of_workload
from services.monitor.collect.readings import ClusterObjects
from services.monitor.collect.watched_list import WatchedList
from shared.errors import DependencyUnavailable
from shared.kube.objects import Obj

PODS = "/api/v1/pods"
DEPLOYMENTS = "/apis/apps/v1/deployments"
STATEFUL_SETS = "/apis/apps/v1/statefulsets"
AUTOSCALERS = "/apis/autoscaling/v2/horizontalpodautoscalers"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
POD_METRICS = "/apis/metrics.k8s.io/v1beta1/pods"

_UNAUTHORIZED = 401
_DELIVERY_SECONDS = 0.05
"""How long changes that the API server has made by now may take to arrive in the watches. A new watch begins with those
since its list."""


class KubernetesCluster:
    """Watches the objects of the tenants in one cluster, and lists their usage. Connects at the first read."""

    def __init__(self, endpoint: Endpoint, *, timeout: float) -> None:
        """`timeout` in seconds bounds a whole read."""
        self._timeout = timeout
        self._server = ApiServer(endpoint, timeout=timeout)
        self.name = f"the Kubernetes API of cluster {endpoint.name}"
        self._pods = WatchedList(self._server, PODS, kept_of_pod)
        self._deployments = WatchedList(self._server, DEPLOYMENTS, kept_of_workload)
        self._stateful_sets = WatchedList(self._server, STATEFUL_SETS, kept_of_workload)
        self._autoscalers = WatchedList(self._server, AUTOSCALERS, kept_of_rule)
        self._budgets = WatchedList(self._server, BUDGETS, kept_of_rule)

    async def read(self) -> ClusterObjects:
        """The objects of all tenants as they are now. Raises DependencyUnavailable.

        Without a metrics API `usage` is None; without the permission to list PodDisruptionBudgets there are none.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._server.check(STATEFUL_SETS)
                usage = await self._refresh()
        except TimeoutError as error:
            raise DependencyUnavailable(self.name, f"no answer within {self._timeout:g} s") from error
        except RequestFailed as error:
            if error.status == _UNAUTHORIZED:
                await self.close()  # a kubeconfig's credentials expire; the next read loads them again
            raise DependencyUnavailable(self.name, str(error)) from error
        return ClusterObjects(
            pods=self._pods.objects,
            deployments=self._deployments.objects,
            stateful_sets=self._stateful_sets.objects,
            autoscalers=self._autoscalers.objects,
            usage=usage,
            budgets=self._budgets.objects,
        )

    async def close(self) -> None:
        """Close the watches and the connection; the next read opens others."""
        for each in (self._pods, self._deployments, self._stateful_sets, self._autoscalers, self._budgets):
            await each.close()
        await self._server.close()

    async def _refresh(self) -> Sequence[Obj] | None:
        """List whatever isn't watched. Returns the usage."""
        *_, usage = await asyncio.gather(
            self._pods.refresh(),
            self._deployments.refresh(),
            self._stateful_sets.refresh(),
            self._autoscalers.refresh(),
            self._refresh_budgets(),
            self._usage(),
        )
        await asyncio.sleep(_DELIVERY_SECONDS)
        return usage

    async def _refresh_budgets(self) -> None:
        """Readiness is known without them: where they aren't served or allowed, the last known ones count."""
        try:
            await self._budgets.refresh()
        except RequestFailed as error:
            if error.status is None:
                raise

    async def _usage(self) -> Sequence[Obj] | None:
        """None if the metrics API isn't served, isn't allowed, or takes half of the time."""
        try:
            async with asyncio.timeout(self._timeout / 2):
                return (await self._server.list(POD_METRICS)).items
        except TimeoutError:
            return None
        except RequestFailed as error:
            if error.status is None:
                raise
            return None
