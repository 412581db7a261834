"""Tenants to render: the documented examples and edge cases."""

from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

from services.calculator.sizing.tenant_sizing import size
from services.manifest.rendering import render
from shared.catalog import load_catalog
from shared.choices import ClusterOptions, ServiceOptions
from shared.events import DeployOptions
from shared.kube.objects import Obj
from shared.sizing import Sizing
from shared.tenants import SlaTarget, TenantSpec

CATALOG = load_catalog()


@dataclass(frozen=True)
class Tenant:
    """A request, and the options of its manifest."""

    tenant_id: str
    requirements: dict[str, int]
    name: str = "AI"
    preset: str | None = None
    gpu_type: str | None = None
    namespace: str | None = None
    options: DeployOptions = field(default_factory=DeployOptions)
    services: dict[str, Any] = field(default_factory=dict)
    """What it chose for its services."""
    cluster: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> TenantSpec:
        return TenantSpec(
            tenant_id=self.tenant_id,
            name=self.name,
            service_requirements=self.requirements,
            service_options={name: ServiceOptions.model_validate(each) for name, each in self.services.items()},
            cluster_options=ClusterOptions.model_validate(self.cluster),
        )

    @property
    def sizing(self) -> Sizing:
        if self.services:
            chosen = self.spec.service_options
            return size(self.requirements, SlaTarget(), self.preset, self.gpu_type, CATALOG, choices=chosen)
        return _sized(tuple(self.requirements.items()), self.preset, self.gpu_type)

    def render(self) -> list[Obj]:
        return render(self.spec, self.sizing, self.options, self.namespace)


@cache
def _sized(requirements: tuple[tuple[str, int], ...], preset: str | None, gpu_type: str | None) -> Sizing:
    """Sizings are immutable, and most tenants here differ only in how they are rendered."""
    return size(dict(requirements), SlaTarget(), preset, gpu_type, CATALOG)


EVERYTHING = dict.fromkeys(CATALOG.services, 40)
OPTIONS = [
    DeployOptions(
        include_monitoring=monitoring, include_ingress=ingress, prometheus_operator=operator, external_secrets=secrets
    )
    for monitoring, ingress, operator, secrets in product((True, False), repeat=4)
]


def every_tenant() -> dict[str, Tenant]:
    """Every service in every preset with every combination of options."""
    return {
        f"{preset}, {options}": Tenant("quality", EVERYTHING, preset=preset, options=options)
        for preset, options in product(CATALOG.presets, OPTIONS)
    }


TENANTS = {
    "call-centre": Tenant(
        "ai-call-center-prod",
        {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100},
        name="AI 콜센터 운영",
    ),
    "medium-with-ingress": Tenant(
        "my-ai-service",
        {"callbot": 50, "chatbot": 100, "advisor": 25, "stt": 30, "tts": 30},
        name="내 AI 서비스",
        preset="medium",
        options=DeployOptions(include_ingress=True),
    ),
    "micro-without-monitoring": Tenant(
        "test-ai-service",
        {"chatbot": 10},
        name="테스트 AI 서비스",
        options=DeployOptions(include_monitoring=False, include_ingress=True),
    ),
    "analysis-only": Tenant(
        "1e3",
        {"ta": 40, "qa": 20},
        name='no: "quotes",\n\tyes # and 🎧',
        namespace="0777",
        options=DeployOptions(include_ingress=True),
    ),
    "everything-optional": Tenant(
        "all-options",
        {"callbot": 20, "advisor": 5, "qa": 10},
        preset="small",
        options=DeployOptions(include_ingress=True, prometheus_operator=True, external_secrets=True),
    ),
    "everything-chosen": Tenant(
        "own-choices",
        {"callbot": 20, "chatbot": 10, "stt": 20},
        name="우리 선택",
        options=DeployOptions(include_ingress=True),
        services={
            "callbot": {
                "image": "registry.example.com/bots/callbot:2.0",
                "environment": {"LOG_LEVEL": "debug", "WORKERS": 4},
                "autoscaling": {"min_replicas": 3, "max_replicas": 6, "target_cpu_percent": 55},
                "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"memory": "6Gi"}},
                "health": {"liveness": "/live", "readiness": "/ok"},
                "port": 9090,
            },
            "chatbot": {"image": {"tag": "2.1"}, "replicas": 3, "autoscaling": {"enabled": False}},
            "tts": {"replicas": 2},
        },
        cluster={
            "registry": "mirror.example.com/ecp",
            "storage_class": "fast",
            "shared_storage_class": "nfs",
            "node_selector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "voice", "value": "only", "effect": "NoSchedule"}],
            "runtime_class": "kata",
            "gpu_runtime_class": "nvidia",
            "ingress": {
                "class_name": "haproxy",
                "host": "voice.example.com",
                "tls_secret": "voice-tls",
                "controller_namespace": "haproxy",
            },
            "labels": {"example.com/team": "voice"},
            "annotations": {"example.com/contact": "ops@example.com"},
        },
    ),
    "v100-in-a-namespace-of-its-own": Tenant(
        "on", {"callbot": 10, "nlp": 1000}, gpu_type="v100", namespace="team-voice"
    ),
}
