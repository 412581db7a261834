"""The rendered PrometheusRule, by Prometheus' own judgement: it loads the rules, and the alerts fire when they should.

`promtool` checks and runs them against made-up series; without it on this machine these tests are skipped.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.kube.objects import Obj
from tests.support.tenants import CATALOG, TENANTS, Tenant

PROMTOOL = shutil.which("promtool")
TENANT = TENANTS["everything-optional"]
ID, NAMESPACE = TENANT.tenant_id, f"ecp-ai-{TENANT.tenant_id}"
SERVICES = [each.service for each in TENANT.sizing.services]

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: apt install prometheus)"
)


def rule_of(tenant: Tenant) -> Obj:
    [rule] = [each for each in tenant.render() if each["kind"] == "PrometheusRule"]
    return rule


def promtool(folder: Path, *arguments: str) -> str:
    """The output of promtool. Fails if it exits with an error."""
    command = [PROMTOOL or "promtool", *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def written(folder: Path, tenant: Tenant) -> None:
    groups = {"groups": rule_of(tenant)["spec"]["groups"]}
    (folder / "rules.yaml").write_text(yaml.safe_dump(groups), encoding="utf-8")


def up(service: str, values: str, pod: str = "a") -> dict[str, str]:
    """As the ServiceMonitor's scrapes are labelled."""
    labels = f'namespace="{NAMESPACE}", service="{service}-service", pod="{service}-{pod}"'
    return {"series": f"up{{{labels}}}", "values": values}


def fired(alert: str, at: str, *windows: tuple[str, str]) -> dict[str, Any]:
    """Which burn alerts are firing at a time: (severity, window) each."""
    labels = [{"severity": severity, "tenant_id": ID, "window": window} for severity, window in windows]
    burns = {
        "1h": ("5m", "14.4"),
        "6h": ("30m", "6"),
        "1d": ("2h", "3"),
        "3d": ("6h", "1"),
    }
    expected = [
        {
            "exp_labels": each,
            "exp_annotations": {
                "summary": f"Tenant {ID} uses up its error budget",
                "description": f"Over {each['window']} and {burns[each['window']][0]} it burns more than "
                f"{burns[each['window']][1]} times as fast as 99.5% allows.",
            },
        }
        for each in labels
    ]
    return {"eval_time": at, "alertname": alert, "exp_alerts": expected}


def run(folder: Path, series: list[dict[str, str]], alerts: list[dict[str, Any]]) -> None:
    written(folder, TENANT)
    group = {"interval": "30s", "input_series": series, "alert_rule_test": alerts}
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "30s", "tests": [group]}
    (folder / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")
    promtool(folder, "test", "rules", "test.yaml")


BURN = "EcpTenantErrorBudgetBurn"


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize("preset", CATALOG.presets)
def test_prometheus_takes_the_rules_of_every_preset(tmp_path: Path, preset: str) -> None:
    options = TENANT.options
    written(tmp_path, Tenant("1e3", {"callbot": 40}, preset=preset, options=options))
    assert "SUCCESS: 13 rules found" in promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")


@pytest.mark.slow
@needs_promtool
def test_nothing_fires_while_every_service_answers(tmp_path: Path) -> None:
    series = [up(service, "1x480") for service in SERVICES]
    run(
        tmp_path,
        series,
        [fired(BURN, "4h"), {"eval_time": "4h", "alertname": "EcpTenantNotMeasured", "exp_alerts": []}],
    )


@pytest.mark.slow
@needs_promtool
def test_the_outage_of_one_service_pages_after_minutes_and_not_at_once(tmp_path: Path) -> None:
    """Of all replicas of one service: 4.3 minutes are 14.4 times the hourly budget of 99.5 %, then two are waited."""
    healthy = [up(service, "1x360") for service in SERVICES[1:]]
    dead = up(SERVICES[0], "1x120 0x240")
    alerts = [
        fired(BURN, "61m"),
        fired(BURN, "64m"),
        fired(BURN, "68m", ("page", "1h")),
        fired(BURN, "85m", ("page", "1h"), ("page", "6h")),
    ]
    run(tmp_path, [*healthy, dead], alerts)


@pytest.mark.slow
@needs_promtool
def test_one_replica_of_two_is_no_outage(tmp_path: Path) -> None:
    series = [*(up(service, "1x240") for service in SERVICES), up(SERVICES[0], "0x240", pod="b")]
    run(tmp_path, series, [fired(BURN, "2h")])


@pytest.mark.slow
@needs_promtool
def test_a_page_ends_soon_after_the_outage_and_the_slow_burn_stays_a_ticket(tmp_path: Path) -> None:
    """Ten minutes' outage: the short windows forget it, so that it doesn't alert after the end."""
    healthy = [up(service, "1x600") for service in SERVICES[1:]]
    series = [*healthy, up(SERVICES[0], "1x120 0x19 1x460")]
    run(tmp_path, series, [fired(BURN, "69m", ("page", "1h")), fired(BURN, "76m"), fired(BURN, "2h")])


@pytest.mark.slow
@needs_promtool
def test_a_tenant_that_is_not_scraped_is_noticed(tmp_path: Path) -> None:
    missing = {
        "exp_labels": {"severity": "ticket", "tenant_id": ID, "namespace": NAMESPACE},
        "exp_annotations": {
            "summary": f"Nothing is scraped of tenant {ID}",
            "description": "No target of its namespace is known to Prometheus: its availability is unknown.",
        },
    }
    series = [up("callbot", "1x10 stale")]
    run(tmp_path, series, [{"eval_time": "25m", "alertname": "EcpTenantNotMeasured", "exp_alerts": [missing]}])


def test_the_service_monitor_scrapes_exactly_the_ai_services() -> None:
    objects = TENANT.render()
    [monitor] = [each["spec"] for each in objects if each["kind"] == "ServiceMonitor"]
    selector = monitor["selector"]
    assert [rule["operator"] for rule in selector["matchExpressions"]] == ["Exists"]
    key, wanted = selector["matchExpressions"][0]["key"], selector["matchLabels"]
    services = [each for each in objects if each["kind"] == "Service"]
    scraped = [
        s for s in services if key in s["metadata"]["labels"] and wanted.items() <= s["metadata"]["labels"].items()
    ]
    assert [each["metadata"]["name"] for each in scraped] == [f"{name}-service" for name in SERVICES]
    assert monitor["namespaceSelector"] == {"matchNames": [NAMESPACE]}
    [endpoint] = monitor["endpoints"]
    assert all(endpoint["port"] in [port["name"] for port in each["spec"]["ports"]] for each in scraped)
