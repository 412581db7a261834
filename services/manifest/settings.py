"""What the manifest service reads from its environment, beside the catalogue's `CATALOG_PATH`."""

from dataclasses import fields

from pydantic import Field

from services.manifest.rendering import Platform
from shared.settings import BusSettings


class Settings(BusSettings):
    """The manifest service's settings."""

    port: int = Field(default=8012, ge=1, le=65535)
    ingress_domain: str = Field(
        default="ecp-ai.internal", pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    )
    """A tenant's Ingress has the host `<tenant>.<domain>`. `internal` is reserved for names that no public DNS has."""
    ingress_class: str = "nginx"
    """The IngressClass, and where its controller's pods are: only they reach a tenant's services."""
    ingress_namespace: str = "ingress-nginx"
    """The namespace of that controller."""
    cluster_issuer: str = "letsencrypt-prod"
    """cert-manager's ClusterIssuer for the certificates of tenants' Ingresses."""
    monitoring_namespace: str = "monitoring"
    """Where Prometheus runs: it alone may scrape."""
    secret_store: str = "vault-backend"  # noqa: S105 - the name of a store
    """External Secrets' ClusterSecretStore, for tenants with the option `external_secrets`."""
    shared_storage_class: str | None = None
    """A StorageClass for ReadWriteMany volumes (recordings); unset, the cluster's default one."""
    redis_image: str = Field(default="redis:7.2.5-alpine", pattern=r"^\S+(:[0-9][^\s/:@]*|@sha256:[0-9a-f]{64})$")
    """What runs behind REDIS_URL: by a version or a digest, since `latest` can't be rolled back to."""

    capacity_timeout: float = Field(default=1.0, gt=0)
    """Seconds to wait for the deployer's answer about a cluster; without one, capacity is left out of a validation."""

    @property
    def platform(self) -> Platform:
        """What the rendering has to know of the cluster."""
        return Platform(**{each.name: getattr(self, each.name) for each in fields(Platform)})
