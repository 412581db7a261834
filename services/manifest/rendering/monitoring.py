"""For clusters with the Prometheus Operator: what to scrape, and when this tenant's promise is in danger.

Alerts are on the burn of the error budget over two windows each (the SRE workbook's, chapter 5): the long one shows
that it matters, the short one that it still goes on. A moment counts as good when every service has a pod that answers.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from services.manifest.rendering.naming import Obj
from services.manifest.rendering.tenancy import Tenancy

_AVAILABLE = "ecp:tenant_available"


class _Alert(NamedTuple):
    """A burn rate of 1 uses up a 30 days' budget in 30 days."""

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
    """Scrapes every AI service of the tenant; redis, which speaks no HTTP, lacks the label."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": tenancy.place.metadata("ecp-ai-services"),
        "spec": {
            "selector": {
                "matchLabels": {"ecp.ai/tenant": tenancy.place.tenant_id},
                "matchExpressions": [{"key": "ecp.ai/service", "operator": "Exists"}],
            },
            "namespaceSelector": {"matchNames": [tenancy.place.namespace]},
            "endpoints": [{"port": "http", "path": "/metrics", "interval": "30s", "scrapeTimeout": "10s"}],
        },
    }


def prometheus_rule(tenancy: Tenancy) -> Obj:
    """The tenant's availability as a recording rule, alerts on its burn rate, and one for missing data."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": tenancy.place.metadata("ecp-ai-slo"),
        "spec": {
            "groups": [
                {"name": "ecp-ai-availability", "interval": "30s", "rules": list(_recordings(tenancy))},
                {"name": "ecp-ai-burn-rate", "rules": [*_burn_alerts(tenancy), _missing_data(tenancy)]},
            ]
        },
    }


def _recordings(tenancy: Tenancy) -> Iterator[Obj]:
    place = tenancy.place
    labels = {"tenant_id": place.tenant_id}
    answering = f'count(max by (service) (up{{namespace="{place.namespace}"}} == 1))'
    yield {
        "record": _AVAILABLE,
        "expr": f"({answering} or vector(0)) >= bool {len(tenancy.workloads)}",
        "labels": labels,
    }
    for window in dict.fromkeys(window for alert in _ALERTS for window in (alert.short, alert.long)):
        over_time = f'avg_over_time({_AVAILABLE}{{tenant_id="{place.tenant_id}"}}[{window}])'
        yield {"record": f"ecp:tenant_error_ratio:{window}", "expr": f"1 - {over_time}", "labels": labels}


def _burn_alerts(tenancy: Tenancy) -> Iterator[Obj]:
    budget = 1 - Decimal(tenancy.sla.availability.rstrip("%")) / 100
    tenant = tenancy.place.tenant_id
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
    tenant = tenancy.place.tenant_id
    return {
        "alert": "EcpTenantNotMeasured",
        "expr": f'absent(up{{namespace="{tenancy.place.namespace}"}})',
        "for": "10m",
        "labels": {"severity": "ticket", "tenant_id": tenant},
        "annotations": {
            "summary": f"Nothing is scraped of tenant {tenant}",
            "description": "No target of its namespace is known to Prometheus: its availability is unknown.",
        },
    }
