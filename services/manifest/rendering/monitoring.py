"""For clusters with the Prometheus Operator: scrape targets, and alerts on this tenant's error budget.

Alerts are multi-window, multi-burn-rate (the SRE workbook, chapter 5): the long window shows that the burn is
significant, the short one that it continues. A tenant counts as available while every service has a pod that is up.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from services.manifest.rendering.tenancy import Tenancy
from shared.kube import labels
from shared.kube.objects import Obj

_AVAILABLE = "ecp:tenant_available"


class _Alert(NamedTuple):
    """One alert. A burn rate of 1 consumes the error budget of 30 days in 30 days."""

    severity: str
    long: str
    short: str
    burn: str
    wait: str


_ALERTS = (
    _Alert("page", "1h", "5m", "14.4", "2m"),
    _Alert("page", "6h", "30m", "6", "15m"),
    _Alert("ticket", "1d", "2h", "3", "1h"),
    _Alert("ticket", "3d", "6h", "1", "3h"),
)


def service_monitor(tenancy: Tenancy) -> Obj:
    """Scrapes every AI service of the tenant, but not redis, which lacks the label since it doesn't serve HTTP."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": tenancy.scope.metadata("ecp-ai-services"),
        "spec": {
            "selector": {
                "matchLabels": {labels.TENANT: tenancy.scope.tenant_id},
                "matchExpressions": [{"key": labels.SERVICE, "operator": "Exists"}],
            },
            "namespaceSelector": {"matchNames": [tenancy.scope.namespace]},
            "endpoints": [{"port": "http", "path": "/metrics", "interval": "30s", "scrapeTimeout": "10s"}],
        },
    }


def prometheus_rule(tenancy: Tenancy) -> Obj:
    """Recording rules for the tenant's availability, alerts on its burn rate, and an alert for missing data."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": tenancy.scope.metadata("ecp-ai-slo"),
        "spec": {
            "groups": [
                {"name": "ecp-ai-availability", "interval": "30s", "rules": list(_recordings(tenancy))},
                {"name": "ecp-ai-burn-rate", "rules": [*_burn_alerts(tenancy), _missing_data(tenancy)]},
            ]
        },
    }


def _recordings(tenancy: Tenancy) -> Iterator[Obj]:
    scope = tenancy.scope
    labels = {"tenant_id": scope.tenant_id}
    answering = f'count(max by (service) (up{{namespace="{scope.namespace}"}} == 1))'
    yield {
        "record": _AVAILABLE,
        "expr": f"({answering} or vector(0)) >= bool {len(tenancy.workloads)}",
        "labels": labels,
    }
    for window in dict.fromkeys(window for alert in _ALERTS for window in (alert.short, alert.long)):
        over_time = f'avg_over_time({_AVAILABLE}{{tenant_id="{scope.tenant_id}"}}[{window}])'
        yield {"record": f"ecp:tenant_error_ratio:{window}", "expr": f"1 - {over_time}", "labels": labels}


def _burn_alerts(tenancy: Tenancy) -> Iterator[Obj]:
    budget = 1 - Decimal(tenancy.sla.availability.rstrip("%")) / 100
    tenant = tenancy.scope.tenant_id
    for alert in _ALERTS:
        most = f"{(Decimal(alert.burn) * budget).normalize():f}"
        long, short = (f'ecp:tenant_error_ratio:{w}{{tenant_id="{tenant}"}}' for w in (alert.long, alert.short))
        used = f"{alert.burn} times as fast as {tenancy.sla.availability} allows"
        yield {
            "alert": "EcpTenantErrorBudgetBurn",
            "expr": f"{long} > {most} and {short} > {most}",
            "for": alert.wait,
            "labels": {"severity": alert.severity, "tenant_id": tenant, "window": alert.long},
            "annotations": {
                "summary": f"Tenant {tenant} uses up its error budget",
                "description": f"Over {alert.long} and {alert.short} it burns more than {used}.",
            },
        }


def _missing_data(tenancy: Tenancy) -> Obj:
    tenant = tenancy.scope.tenant_id
    return {
        "alert": "EcpTenantNotMeasured",
        "expr": f'absent(up{{namespace="{tenancy.scope.namespace}"}})',
        "for": "10m",
        "labels": {"severity": "ticket", "tenant_id": tenant},
        "annotations": {
            "summary": f"Nothing is scraped of tenant {tenant}",
            "description": "No target of its namespace is known to Prometheus: its availability is unknown.",
        },
    }
