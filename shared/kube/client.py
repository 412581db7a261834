"""Connects to a Kubernetes API server; the one place that knows how our two kinds of cluster are reached.

Only adapters import this: it needs the `kube` extra, which pure cores and the simulator do without.
"""

from pathlib import Path

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config
from kubernetes.aio.config.config_exception import ConfigException

from shared.errors import DependencyUnavailable


async def connect(
    *, server: str | None = None, kubeconfig: Path | None = None, connections: int | None = None
) -> ApiClient:
    """A client of the API server at `server`, of a kubeconfig's current context, or of the cluster that we run in.

    `connections` is how many it may have open at once, the client's own default being 100. A watch keeps one for
    itself, and a request that finds none free waits silently.

    Nothing is asked of the cluster yet. Raises DependencyUnavailable when the kubeconfig or the service account
    can't be read: both are mounted files that may come later.
    """
    configuration = Configuration(connection_pool_maxsize=connections)
    if server is not None:
        configuration.host = server
        # The simulator is on our own network, where a proxy of the environment can't help.
        configuration.client_session_kwargs = {"trust_env": False}
        return ApiClient(configuration)
    try:
        if kubeconfig is not None:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
            )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise DependencyUnavailable("Kubernetes", f"{kubeconfig or 'the service account'}: {error}") from error
    return ApiClient(configuration)
