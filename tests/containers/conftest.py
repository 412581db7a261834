"""One stack for all tests: those of the pages, in the order of the pages, then those of its services."""

import os
import shutil
from collections.abc import Iterator

import pytest

from embedded.ports import free_ports
from embedded.settings import EmbeddedSettings
from tests.containers.project import Project, compose
from tools.locks import ROOT

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".env", ".ecp", "__pycache__", ".*_cache", ".hypothesis")
PORTS = range(32_000, 32_768)
"""A separate range of ports: Compose releases its ports at times, and parallel tests could take them."""
ALSO_PUBLISHED = ("PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    how = compose()
    if how is None:
        pytest.skip("neither `docker compose` nor docker-compose is installed")
    folder = tmp_path_factory.mktemp("compose") / "ecp"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    names = [*(port.variable for port in EmbeddedSettings.read().ports()), *ALSO_PUBLISHED]
    ports = dict(zip(names, map(str, free_ports(len(names), PORTS)), strict=True))
    # `make up` waits longer than for a person, because other programs use the machine, too.
    # In production, which `make up` is fit for with its random passwords.
    stack = {
        "COMPOSE_PROJECT_NAME": f"ecp-test-{os.getpid()}",
        "ECP_VERSION": "test",
        "ENVIRONMENT": "production",
        "WAIT_SECONDS": "600",
    }
    project = Project(folder, {**ports, **stack}, how)
    yield project
    project.shell("make down ARGS=--volumes")
