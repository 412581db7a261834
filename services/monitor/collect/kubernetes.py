"""The adapter to a cluster: six list calls through the Kubernetes client, whose exceptions don't leave this module.

Responses are read as plain JSON: parsing them into the client's models takes longer than the calls, and fails on
unknown fields. A simulated cluster and a real one are read in the same way.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException

from services.monitor.collect.readings import ClusterObjects
from shared.errors import DependencyUnavailable
from shared.kube.client import connect
from shared.kube.labels import TENANT
from shared.kube.objects import Obj

PODS = "/api/v1/pods"
DEPLOYMENTS = "/apis/apps/v1/deployments"
STATEFUL_SETS = "/apis/apps/v1/statefulsets"
AUTOSCALERS = "/apis/autoscaling/v2/horizontalpodautoscalers"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
POD_METRICS = "/apis/metrics.k8s.io/v1beta1/pods"

_PAGE = 500
_UNAUTHORIZED = 401
_FAILURES = (aiohttp.ClientError, ApiException, OSError, TimeoutError, ValueError)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a cluster's API is: a URL without authentication (the simulator), or a kubeconfig file."""

    name: str
    server: str | None = None
    kubeconfig: Path | None = None


class KubernetesCluster:
    """Lists the objects and usage of the tenants in one cluster. Connects at the first read."""

    def __init__(self, endpoint: Endpoint, *, timeout: float) -> None:
        """`timeout` in seconds bounds a whole read."""
        self._endpoint = endpoint
        self._timeout = timeout
        self._client: ApiClient | None = None
        self.name = f"the Kubernetes API of cluster {endpoint.name}"

    async def read(self) -> ClusterObjects:
        """List the objects of all tenants. Raises DependencyUnavailable.

        Without a metrics API `usage` is None; without the permission to list PodDisruptionBudgets there are none.
        """
        try:
            async with asyncio.timeout(self._timeout):
                client = self._client = self._client or await self._connect()
                pods, deployments, stateful_sets, autoscalers, budgets, usage = await asyncio.gather(
                    _list(client, PODS, self._timeout),
                    _list(client, DEPLOYMENTS, self._timeout),
                    _list(client, STATEFUL_SETS, self._timeout),
                    _list(client, AUTOSCALERS, self._timeout),
                    _list_or_none(client, BUDGETS, self._timeout),
                    _list_or_none(client, POD_METRICS, self._timeout / 2),
                )
        except _FAILURES as error:
            if isinstance(error, ApiException) and error.status == _UNAUTHORIZED:
                await self.close()  # a kubeconfig's credentials expire; the next read loads them again
            raise DependencyUnavailable(self.name, _describe(error, self._timeout)) from error
        return ClusterObjects(
            pods=pods,
            deployments=deployments,
            stateful_sets=stateful_sets,
            autoscalers=autoscalers,
            usage=usage,
            budgets=budgets or (),
        )

    async def close(self) -> None:
        """Close the connection; the next read opens another."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()  # type: ignore[no-untyped-call]

    async def _connect(self) -> ApiClient:
        return await connect(server=self._endpoint.server, kubeconfig=self._endpoint.kubeconfig)


async def _list(client: ApiClient, path: str, timeout: float) -> Sequence[Obj]:
    items: list[dict[str, Any]] = []
    position = ""
    while True:
        page = await _get(client, path, position, timeout)
        items += page.get("items") or ()
        position = (page.get("metadata") or {}).get("continue") or ""
        if not position:
            return items


async def _list_or_none(client: ApiClient, path: str, timeout: float) -> Sequence[Obj] | None:
    """None if the API isn't served, isn't allowed, or times out: readiness is known without it."""
    try:
        return await _list(client, path, timeout)
    except (ApiException, TimeoutError):
        return None


async def _get(client: ApiClient, path: str, position: str, timeout: float) -> dict[str, Any]:
    """Get one page. Raises ApiException for a status other than 200."""
    query = [("labelSelector", TENANT), ("limit", _PAGE)] + ([("continue", position)] if position else [])
    request = await client.param_serialize(
        "GET", path, query_params=query, header_params={"Accept": "application/json"}, auth_settings=["BearerToken"]
    )
    answer = await client.call_api(*request, _request_timeout=timeout)
    body: bytes = await answer.read()  # type: ignore[no-untyped-call]
    if answer.status != 200:
        raise ApiException(status=answer.status, reason=answer.reason, body=body.decode(errors="replace"))
    content: dict[str, Any] = orjson.loads(body)
    return content


def _describe(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, ApiException):
        return f"{error.status} {error.reason}: {' '.join(str(error.body).split())[:300]}"
    return str(error) or type(error).__name__
