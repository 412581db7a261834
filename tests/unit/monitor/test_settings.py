"""The monitor's defaults, and the clusters that they mean."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.monitor.collect.api_server import Endpoint
from services.monitor.mode_context import observed_endpoint
from services.monitor.settings import MonitorSettings
from shared.subjects import Mode

VARIABLES = (
    "PORT",
    "K8S_SIMULATOR_URL",
    "KUBERNETES_CONFIG_PATH",
    "MONITOR_KUBERNETES_CONFIG_PATH",
    "CLUSTER_TIMEOUT",
    "SLA_INTERVAL",
    "MONITORING_ENDPOINT",
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_defaults() -> None:
    settings = MonitorSettings()
    assert settings.port == 8014
    assert settings.k8s_simulator_url == "http://127.0.0.1:6360"
    assert settings.kubernetes_config_path is None
    assert settings.cluster_timeout == 4.0
    assert settings.sla_interval == 30.0
    assert settings.monitoring_endpoint is None
    assert (settings.raw_hours, settings.rollup_days, settings.rollup_interval) == (48, 400, 300.0)


def test_a_reading_must_end_within_its_slice() -> None:
    with pytest.raises(ValidationError):
        MonitorSettings(cluster_timeout=5)


def test_without_a_kubeconfig_each_mode_has_its_cluster_of_the_simulator() -> None:
    settings = MonitorSettings(k8s_simulator_url="http://simulator:6360/")
    assert observed_endpoint(Mode.DEMO, settings) == Endpoint("demo", server="http://simulator:6360/clusters/demo")
    assert observed_endpoint(Mode.PRODUCTION, settings) == Endpoint(
        "default", server="http://simulator:6360/clusters/default"
    )


def test_a_kubeconfig_is_for_production_alone() -> None:
    settings = MonitorSettings(kubernetes_config_path=Path("/etc/kubeconfig"))
    assert observed_endpoint(Mode.PRODUCTION, settings) == Endpoint("production", kubeconfig=Path("/etc/kubeconfig"))
    assert observed_endpoint(Mode.DEMO, settings).kubeconfig is None


def test_the_monitor_may_have_a_kubeconfig_of_its_own_which_only_reads() -> None:
    settings = MonitorSettings(
        kubernetes_config_path=Path("/etc/kubeconfig"), monitor_kubernetes_config_path=Path("/etc/reader")
    )
    assert observed_endpoint(Mode.PRODUCTION, settings) == Endpoint("production", kubeconfig=Path("/etc/reader"))
    assert observed_endpoint(Mode.DEMO, settings).kubeconfig is None
