"""A ServiceAccount without a token, and a Secret without values.

No secret value passes through this service. The Secret is created without data, so that an operator or External Secrets
owns all of its keys, and applying the manifest again doesn't change them.
"""

from services.manifest.rendering.naming import ACCOUNT, CREDENTIALS, TenantScope
from services.manifest.rendering.tenancy import Tenancy
from shared.kube.objects import Obj


def service_account(scope: TenantScope) -> Obj:
    """The account of all pods. They don't call the Kubernetes API, so no token is mounted."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": scope.metadata(ACCOUNT),
        "automountServiceAccountToken": False,
    }


def credentials(scope: TenantScope) -> Obj:
    """An empty Secret, mounted as files and filled in the cluster."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": scope.metadata(CREDENTIALS), "type": "Opaque"}


def external_credentials(tenancy: Tenancy) -> Obj:
    """Instead of it: External Secrets creates the Secret from the store's entry `ecp/<tenant>`, and refreshes it."""
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": tenancy.scope.metadata(CREDENTIALS),
        "spec": {
            "refreshInterval": "15m",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": tenancy.platform.secret_store},
            "target": {"name": CREDENTIALS, "creationPolicy": "Owner"},
            "dataFrom": [{"extract": {"key": f"ecp/{tenancy.scope.tenant_id}"}}],
        },
    }
