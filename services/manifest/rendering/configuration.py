"""What a service has to be told that is no secret: where its neighbours are, and where it may write."""

import hashlib

import orjson

from services.manifest.rendering.naming import Obj, Place, config_name, service_name
from services.manifest.rendering.tenancy import Workload

RECORDINGS_PATH = "/var/lib/ecp-ai/recordings"
CREDENTIALS_PATH = "/etc/ecp-ai/credentials"


def settings(workload: Workload) -> dict[str, str]:
    """The environment of a service besides the documented variables: `STT_URL` and the like."""
    urls = {f"{asked.upper()}_URL": f"http://{service_name(asked)}" for asked in workload.asks}
    paths = {"CREDENTIALS_PATH": CREDENTIALS_PATH}
    if workload.recordings_gib:
        paths["RECORDINGS_PATH"] = RECORDINGS_PATH
    return {**urls, **paths}


def configuration(workload: Workload, place: Place) -> Obj:
    """The ConfigMap of one service, so that a change in one doesn't restart the others."""
    return config_map(place.metadata_of(workload.name, config_name(workload.name)), settings(workload))


def config_map(metadata: Obj, data: dict[str, str]) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def configuration_digest(data: dict[str, str]) -> str:
    """For an annotation of the pods: they read their settings once, so new settings have to mean new pods."""
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
