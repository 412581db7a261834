"""Connects to a Kubernetes API server; the one place that knows how our two kinds of cluster are reached.

Only adapters import this: it needs the `kube` extra, which pure cores and the simulator do without.
"""

from functools import partial
from pathlib import Path

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config
from kubernetes.aio.config.config_exception import ConfigException

from shared.errors import DependencyUnavailable
from shared.kube.credentials import refresh_token, token_in, token_of_kubeconfig


async def connect(
    *,
    server: str | None = None,
    authority: Path | None = None,
    token_file: Path | None = None,
    kubeconfig: Path | None = None,
    connections: int | None = None,
) -> ApiClient:
    """A client of the API server at `server`, of a kubeconfig's current context, or of the cluster that we run in.

    `authority` is the PEM file of the authorities of a server's certificate, `token_file` has the token for it, which
    is sent by HTTPS only.

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
        configuration.ssl_ca_cert = str(authority) if authority is not None else None
        if token_file is not None and server.lower().startswith("https://"):
            refresh_token(configuration, partial(token_in, token_file))
        return _client(configuration, server)
    try:
        if kubeconfig is not None:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
            )
            if token_of_kubeconfig(kubeconfig):
                refresh_token(configuration, partial(token_of_kubeconfig, kubeconfig))
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, ValueError) as error:
        raise DependencyUnavailable("Kubernetes", f"{kubeconfig or 'the service account'}: {error}") from error
    return _client(configuration, "the cluster of Kubernetes")


def _client(configuration: Configuration, name: str) -> ApiClient:
    """Raises DependencyUnavailable if a file of certificates can't be read."""
    try:
        return ApiClient(configuration)
    except OSError as error:  # ssl.SSLError is one
        raise DependencyUnavailable("Kubernetes", f"the certificates for {name}: {error}") from error
