"""The Ingress of the services that customers call."""

from services.manifest.rendering.naming import SERVICE_PORT, service_name
from services.manifest.rendering.tenancy import Tenancy
from shared.errors import Refused
from shared.kube.objects import Obj
from shared.messages import problem, sentence

NAME = "ecp-entry"
CERTIFICATE = "ecp-entry-tls"


def ingress(tenancy: Tenancy) -> Obj:
    """One Ingress for `<tenant>.<domain>`, HTTPS only, with a path for each service: `/callbot` -> `callbot-service`.

    The annotation lets cert-manager create the Secret with the certificate, unless the tenant chose one that it has.
    Raises Refused for a chosen host that is another tenant's by its id.
    """
    scope, platform, chosen = tenancy.scope, tenancy.platform, tenancy.cluster.ingress
    host = _host(tenancy)
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


def _host(tenancy: Tenancy) -> str:
    """The chosen host, or the tenant's own. Two Ingresses of one host would answer each other's customers."""
    tenant_id, domain = tenancy.scope.tenant_id, tenancy.platform.ingress_domain
    chosen = tenancy.cluster.ingress.host
    if chosen is None:
        return f"{tenant_id}.{domain}"
    first, _, rest = chosen.partition(".")
    if rest == domain and first != tenant_id:
        english = "{host} is the host of the tenant {owner}: leave it out, or choose one that isn't below {domain}"
        reason = sentence("ingress-host-of-another", english, host=chosen, owner=first, domain=domain)
        raise Refused(
            f"cluster_options.ingress.host: {reason.english}",
            details={"errors": [problem("cluster_options.ingress.host", reason)]},
        )
    return chosen
