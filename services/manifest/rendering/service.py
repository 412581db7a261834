"""The Service in front of a workload's pods."""

from services.manifest.rendering.naming import SERVICE_PORT, TenantScope, selector, service_name
from services.manifest.rendering.tenancy import RenderedWorkload
from shared.kube.objects import Obj


def service(workload: RenderedWorkload, scope: TenantScope) -> Obj:
    """A ClusterIP Service `<service>-service`, from port 80 to the container's."""
    port = {"name": "http", "protocol": "TCP", "port": SERVICE_PORT, "targetPort": workload.sizing.port}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": scope.metadata_of(workload.name, service_name(workload.name)),
        "spec": {"type": "ClusterIP", "selector": selector(workload.name), "ports": [port]},
    }
