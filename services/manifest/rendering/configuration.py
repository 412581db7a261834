"""The configuration of a service that isn't secret: URLs of the services that it calls, and paths."""

import hashlib

import orjson

from services.manifest.rendering.naming import TenantScope, config_name, service_name
from services.manifest.rendering.tenancy import RenderedWorkload
from shared.kube.objects import Obj

RECORDINGS_PATH = "/var/lib/ecp-ai/recordings"
CREDENTIALS_PATH = "/etc/ecp-ai/credentials"


def settings(workload: RenderedWorkload) -> dict[str, str]:
    """The environment variables of a service besides the documented ones, such as `STT_URL`."""
    urls = {f"{asked.upper()}_URL": f"http://{service_name(asked)}" for asked in workload.asks}
    paths = {"CREDENTIALS_PATH": CREDENTIALS_PATH}
    if workload.recordings_gib:
        paths["RECORDINGS_PATH"] = RECORDINGS_PATH
    return {**urls, **paths}


def configuration(workload: RenderedWorkload, scope: TenantScope) -> Obj:
    """The ConfigMap of one service. Each service has its own, so that a change doesn't restart the others."""
    return config_map(scope.metadata_of(workload.name, config_name(workload.name)), settings(workload))


def config_map(metadata: Obj, data: dict[str, str]) -> Obj:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def configuration_digest(data: dict[str, str]) -> str:
    """The pods' annotation `CONFIG_DIGEST`: pods read their settings at start, so a change restarts them."""
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
