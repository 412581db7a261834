"""The defaults, which documents and deployments rely on, and which targets they make."""

from pathlib import Path
from typing import Any, cast

import pytest

from services.deployer.cluster.targets import TargetClusters, UnknownTarget
from services.deployer.health.snapshot import WATCHED
from services.deployer.settings import DeployerSettings
from shared.subjects import Mode


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DeployerSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_defaults_are_these() -> None:
    settings = DeployerSettings()
    assert settings.port == 8013
    assert settings.k8s_simulator_url == "http://127.0.0.1:6360"
    assert settings.kubernetes_config_path is None
    assert settings.tenants_at_once == 64
    assert settings.resync_interval == 30
    assert settings.takeover_interval == 3
    assert settings.takeover_grace == 120
    assert settings.failure_grace == 60
    assert settings.unschedulable_grace == 300
    assert settings.wait_for_ingress_address is False


@pytest.mark.parametrize(("mode", "cluster"), [(Mode.DEMO, "demo"), (Mode.PRODUCTION, "default")])
def test_each_mode_has_a_virtual_cluster_of_its_own(mode: Mode, cluster: str) -> None:
    assert TargetClusters(mode, DeployerSettings()).cluster("simulator").name == cluster


def test_only_production_has_a_real_cluster() -> None:
    settings = DeployerSettings(kubernetes_config_path=Path("/etc/kubeconfig"))
    assert TargetClusters(Mode.PRODUCTION, settings).cluster("kubernetes").name == "kubernetes"
    with pytest.raises(UnknownTarget, match=r"possible: simulator$"):
        TargetClusters(Mode.DEMO, settings).check("kubernetes")


def test_an_unknown_target_is_refused_with_the_possible_ones() -> None:
    with pytest.raises(UnknownTarget, match="possible: simulator; set KUBERNETES_CONFIG_PATH"):
        TargetClusters(Mode.PRODUCTION, DeployerSettings()).check("kubernetes")


def test_all_tenants_at_work_have_a_connection_for_each_of_their_watches_and_one_more() -> None:
    """With fewer, requests wait for the watches of other tenants, until they time out."""
    settings = DeployerSettings(tenants_at_once=10)
    adapter = cast(Any, TargetClusters(Mode.DEMO, settings).cluster("simulator"))
    assert adapter._connect.keywords["connections"] > 10 * (len(WATCHED) + 1)
