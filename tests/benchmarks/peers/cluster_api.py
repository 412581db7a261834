"""An API server with the pods and Deployments of many tenants, as far as a monitor asks: lists, watches, usage.

    python tests/benchmarks/peers/cluster_api.py PORT TENANTS PODS

Nothing is computed at a request: every page is encoded at the start, so that a bench measures its reader. Nothing
changes either, as in a cluster whose tenants are idle.
"""

import asyncio
import sys
from typing import Any

import orjson
from aiohttp import web

from services.monitor.collect.kubernetes import DEPLOYMENTS, POD_METRICS, PODS

CLUSTER = "/clusters/demo"
"""The prefix of its paths, as the simulator has it; other clusters are empty."""
PAGE = 500
SERVICES = 2
"""Deployments of each tenant, which share its pods."""


def tenant_name(number: int) -> str:
    return f"tenant-{1 + number}"


def deployment(tenant: str, name: str, replicas: int) -> dict[str, Any]:
    """As the deployer applies it."""
    labels = {"app": name, "ecp.ai/tenant": tenant}
    annotations = {"ecp.ai/needed-replicas": str(replicas - 1), "deployment.kubernetes.io/revision": "1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(tenant, name, labels) | {"annotations": annotations},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(name)},
        },
        "status": {
            "readyReplicas": replicas,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
        },
    }


def pod(tenant: str, app: str, number: int) -> dict[str, Any]:
    types = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    since = "2031-07-01T00:00:00Z"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(tenant, f"{app}-{number}", {"app": app, "ecp.ai/tenant": tenant}),
        "spec": _pod_spec(app) | {"nodeName": f"node-{number % 50}"},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [{"type": each, "status": "True", "lastTransitionTime": since} for each in types],
            "containerStatuses": [{"name": app, "ready": True, "restartCount": 0, "state": {"running": {}}}],
        },
    }


def pod_usage(tenant: str, app: str, number: int) -> dict[str, Any]:
    used = {"cpu": f"{100 + number % 97}m", "memory": f"{300 + number % 89}Mi"}
    return {
        "metadata": {"name": f"{app}-{number}", "namespace": f"ecp-ai-{tenant}", "labels": {"ecp.ai/tenant": tenant}},
        "timestamp": "2031-07-01T00:00:00Z",
        "window": "15s",
        "containers": [{"name": app, "usage": used}],
    }


def _metadata(tenant: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    fields = {"f:spec": {f"f:field{number}": {} for number in range(20)}}
    return {
        "name": name,
        "namespace": f"ecp-ai-{tenant}",
        "uid": f"{tenant}-{name}",
        "resourceVersion": "7",
        "creationTimestamp": "2031-07-01T00:00:00Z",
        "labels": labels,
        "managedFields": [{"manager": "ecp-orchestrator", "operation": "Apply", "fieldsV1": fields}],
    }


def _pod_spec(app: str) -> dict[str, Any]:
    resources = {"cpu": "500m", "memory": "1Gi"}
    probe = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10, "failureThreshold": 3}
    container = {
        "name": app,
        "image": f"ecp-ai/{app}:1.0",
        "ports": [{"containerPort": 8080}],
        "env": [{"name": f"SETTING_{number}", "value": "a value of some length"} for number in range(10)],
        "resources": {"requests": resources, "limits": resources},
        "readinessProbe": probe,
        "livenessProbe": probe,
    }
    return {"containers": [container], "serviceAccountName": "default", "terminationGracePeriodSeconds": 30}


def pages(items: list[dict[str, Any]]) -> list[bytes]:
    """The pages of a list, encoded."""
    starts = range(0, max(1, len(items)), PAGE)
    last = starts[-1]
    return [
        orjson.dumps(
            {
                "metadata": {"resourceVersion": "7", **({} if start == last else {"continue": str(start // PAGE + 1)})},
                "items": items[start : start + PAGE],
            }
        )
        for start in starts
    ]


def lists(tenants: int, pods: int) -> dict[str, list[bytes]]:
    """By path."""
    running = [
        (tenant_name(number), f"service-{each % SERVICES}", each) for number in range(tenants) for each in range(pods)
    ]
    workloads = [
        deployment(tenant_name(number), f"service-{each}", pods // SERVICES)
        for number in range(tenants)
        for each in range(SERVICES)
    ]
    return {
        PODS: pages([pod(*each) for each in running]),
        DEPLOYMENTS: pages(workloads),
        POD_METRICS: pages([pod_usage(*each) for each in running]),
    }


def application(tenants: int, pods: int) -> web.Application:
    known, empty = lists(tenants, pods), pages([])

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            response = web.StreamResponse()
            await response.prepare(request)
            await asyncio.sleep(float(request.query["timeoutSeconds"]))
            return response
        found = known.get(request.path.removeprefix(CLUSTER), empty)
        return web.Response(body=found[int(request.query.get("continue", "0"))], content_type="application/json")

    served = web.Application()
    served.router.add_get("/{path:.*}", answer)
    return served


if __name__ == "__main__":
    port, tenants, pods = (int(each) for each in sys.argv[1:])
    web.run_app(application(tenants, pods), host="127.0.0.1", port=port, print=None)
