"""The way in from outside, for the services that customers reach."""

from services.manifest.rendering.naming import SERVICE_PORT, Obj, service_name
from services.manifest.rendering.tenancy import Tenancy

NAME = "ecp-entry"
CERTIFICATE = "ecp-entry-tls"


def ingress(tenancy: Tenancy) -> Obj:
    """One Ingress on `<tenant>.<domain>`, HTTPS only, a path for each service: `/callbot` leads to `callbot-service`.

    cert-manager makes the certificate's Secret, because of the annotation.
    """
    place, platform = tenancy.place, tenancy.platform
    host = f"{place.tenant_id}.{platform.ingress_domain}"
    paths = [
        {
            "path": f"/{entry.name}",
            "pathType": "Prefix",
            "backend": {"service": {"name": service_name(entry.name), "port": {"number": SERVICE_PORT}}},
        }
        for entry in tenancy.entries
    ]
    annotations = {
        "cert-manager.io/cluster-issuer": platform.cluster_issuer,
        "nginx.ingress.kubernetes.io/ssl-redirect": "true",
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {**place.metadata(NAME), "annotations": annotations},
        "spec": {
            "ingressClassName": platform.ingress_class,
            "tls": [{"hosts": [host], "secretName": CERTIFICATE}],
            "rules": [{"host": host, "http": {"paths": paths}}],
        },
    }
