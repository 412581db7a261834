"""What pods may and may not know: a ServiceAccount without a token, and a Secret whose values are not ours.

No secret value ever passes through here. The Secret is created without data, so that its owner, a person or
External Secrets, owns every key of it: applying the manifest again leaves them alone.
"""

from services.manifest.rendering.naming import ACCOUNT, CREDENTIALS, Obj, Place
from services.manifest.rendering.tenancy import Tenancy


def service_account(place: Place) -> Obj:
    """The account of all pods. They don't talk to the Kubernetes API, so no token is mounted."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": place.metadata(ACCOUNT),
        "automountServiceAccountToken": False,
    }


def credentials(place: Place) -> Obj:
    """An empty Secret, which pods see as files, and which is filled where it runs."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": place.metadata(CREDENTIALS), "type": "Opaque"}


def external_credentials(tenancy: Tenancy) -> Obj:
    """In its stead: External Secrets makes the Secret from the store's entry `ecp/<tenant>`, and keeps it so."""
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": tenancy.place.metadata(CREDENTIALS),
        "spec": {
            "refreshInterval": "15m",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": tenancy.platform.secret_store},
            "target": {"name": CREDENTIALS, "creationPolicy": "Owner"},
            "dataFrom": [{"extract": {"key": f"ecp/{tenancy.place.tenant_id}"}}],
        },
    }
