"""The manifest service's environment variables, besides the catalogue's `CATALOG_PATH`."""

from dataclasses import fields

from pydantic import Field

from services.manifest.rendering import Platform
from shared.settings import BusSettings


class ManifestSettings(BusSettings):
    """The manifest service's settings."""

    port: int = Field(default=8012, ge=1, le=65535)
    """The port of `/health`, `/ready` and `/metrics`."""
    ingress_domain: str = Field(
        default="ecp-ai.internal", pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    )
    """A tenant's Ingress has the host `<tenant>.<domain>`. `.internal` is reserved for private use."""
    ingress_class: str = "nginx"
    """The IngressClass of tenants' Ingresses."""
    ingress_namespace: str = "ingress-nginx"
    """The namespace of its controller, whose pods alone may reach a tenant's services from outside."""
    cluster_issuer: str = "letsencrypt-prod"
    """cert-manager's ClusterIssuer for the certificates of tenants' Ingresses."""
    monitoring_namespace: str = "monitoring"
    """The namespace of Prometheus, whose pods may scrape."""
    secret_store: str = "vault-backend"  # noqa: S105 - the name of a store
    """External Secrets' ClusterSecretStore, for tenants with the option `external_secrets`."""
    shared_storage_class: str | None = None
    """The StorageClass of ReadWriteMany volumes (recordings); unset: the cluster's default."""
    redis_image: str = Field(default="redis:7.2.5-alpine", pattern=r"^\S+(:[0-9][^\s/:@]*|@sha256:[0-9a-f]{64})$")
    """The image behind `REDIS_URL`, with a version or a digest, since a rollback needs a fixed image."""

    capacity_timeout: float = Field(default=1.0, gt=0)
    """Seconds to wait for the deployer's reply about a cluster; without it a validation skips the capacity."""

    @property
    def platform(self) -> Platform:
        """The cluster-specific names for rendering."""
        return Platform(**{each.name: getattr(self, each.name) for each in fields(Platform)})
