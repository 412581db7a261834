"""Whether a server on this machine answers."""

import httpx

PATIENCE_SECONDS = 2.0


def local_client(base_url: str = "", *, uds: str | None = None, timeout: float = PATIENCE_SECONDS) -> httpx.AsyncClient:
    """A client for 127.0.0.1: no proxy of the environment comes in between, and no certificates are loaded (30 ms)."""
    transport = httpx.AsyncHTTPTransport(verify=False, uds=uds)
    return httpx.AsyncClient(transport=transport, base_url=base_url, timeout=timeout, trust_env=False)


async def answers(url: str, *, with_any_status: bool = False, timeout: float = PATIENCE_SECONDS) -> bool:
    """Whether a GET of `url` is answered with 200."""
    try:
        async with local_client(timeout=timeout) as client:
            response = await client.get(url)
    except httpx.HTTPError:
        return False
    return with_any_status or response.status_code == httpx.codes.OK
