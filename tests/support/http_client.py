"""Clients of what listens on this machine."""

from typing import Any

import httpx


def local_client(**options: Any) -> httpx.AsyncClient:
    """A client without a proxy and without certificates: to load those takes 30 to 70 ms for each client."""
    return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=False), trust_env=False, **options)
