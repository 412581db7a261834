"""The monitor's defaults, and the clusters that they mean."""

from pathlib import Path
from typing import Any

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
    "NOTIFICATION_GROUP_INTERVAL",
    "ALLOW_PRIVATE_WEBHOOKS",
    "ENVIRONMENT",
    "SMTP_HOST",
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
    assert (settings.notification_group_interval, settings.private_webhooks, settings.smtp_host) == (10.0, True, None)
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


def in_production(**changes: Any) -> MonitorSettings:
    url = "postgresql://ecp_monitor:long@db.example.com/ecp"
    return MonitorSettings(environment="production", database_url=url, demo_database_url=url, **changes)


def test_in_production_private_receivers_are_refused_unless_they_are_allowed() -> None:
    assert not in_production().private_webhooks
    assert in_production(allow_private_webhooks=True).private_webhooks
    assert not MonitorSettings(allow_private_webhooks=False).private_webhooks


def test_the_mail_servers_password_is_a_secret_that_is_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2")
    monkeypatch.setenv("SMTP_PASSWORD_FILE", str(file))
    settings = MonitorSettings()
    assert "hunter2" not in repr(settings)
    file.write_text("hunter3")
    assert settings.latest_smtp_password() == "hunter3"


def test_a_password_is_not_sent_readable_in_production() -> None:
    with pytest.raises(ValidationError, match="SMTP_SECURITY"):
        in_production(smtp_password="x", smtp_security="none")


def test_the_sender_of_e_mails_is_a_plain_address() -> None:
    with pytest.raises(ValidationError, match="e-mail"):
        MonitorSettings(smtp_from="ECP <ecp@example.com>\r\nBcc: all@example.com")
