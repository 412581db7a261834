"""The Ingress of the services that customers call."""

from services.manifest.rendering.naming import SERVICE_PORT, service_name
from services.manifest.rendering.tenancy import Tenancy
from shared.kube.objects import Obj

NAME = "ecp-entry"
CERTIFICATE = "ecp-entry-tls"


def ingress(tenancy: Tenancy) -> Obj:
    """One Ingress for `<tenant>.<domain>`, HTTPS only, with a path for each service: `/callbot` -> `callbot-service`.

    The annotation lets cert-manager create the Secret with the certificate, unless the tenant chose one that it has.
    """
    scope, platform, chosen = tenancy.scope, tenancy.platform, tenancy.cluster.ingress
    host = chosen.host or f"{scope.tenant_id}.{platform.ingress_domain}"
    paths = [
        {
            "path": f"/{entry.name}",
            "pathType": "Prefix",
            "backend": {"service": {"name": service_name(entry.name), "port": {"number": SERVICE_PORT}}},
        }
        for entry in tenancy.entries
    ]
    issuer = {} if chosen.tls_secret else {"cert-manager.io/cluster-issuer": platform.cluster_issuer}
    annotations = {**issuer, "nginx.ingress.kubernetes.io/ssl-redirect": "true"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {**scope.metadata(NAME), "annotations": annotations},
        "spec": {
            "ingressClassName": chosen.class_name or platform.ingress_class,
            "tls": [{"hosts": [host], "secretName": chosen.tls_secret or CERTIFICATE}],
            "rules": [{"host": host, "http": {"paths": paths}}],
        },
    }
