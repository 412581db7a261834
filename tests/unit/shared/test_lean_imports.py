"""A service starts without what its libraries import and it never uses."""

import json
import subprocess
import sys

import pytest

_STARTED = """
import json, sys
sys.argv[0] = "-m"  # as in `python -m services.gateway`


def executed(*names):
    return [name for name in names if name in sys.modules and type(sys.modules[name]).__name__ != "_LazyModule"]


import services.gateway.__main__
print(json.dumps(executed("fastapi", "pydantic.v1", "rich", "aiohttp", "jwt", "httpx", "cryptography")))
import services.deployer.__main__
print(json.dumps(executed("aiohttp", "kubernetes.aio.client", "kubernetes.client", "kubernetes.stream")))
from kubernetes import client
print(json.dumps([client.ApiClient.__name__, *executed("kubernetes.client")]))
"""


@pytest.mark.slow
def test_a_service_executes_no_module_that_it_does_not_use_until_it_does() -> None:
    done = subprocess.run([sys.executable, "-c", _STARTED], capture_output=True, text=True, check=True, timeout=60)

    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["fastapi"],
        ["aiohttp", "kubernetes.aio.client"],
        ["ApiClient", "kubernetes.client"],
    ]
