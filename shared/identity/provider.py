"""Fetches the identity provider's keys: its discovery document (OpenID Connect Discovery 1.0), then the keys it names.

An answer is bounded in size and time, is never decompressed, and a redirect is not followed. The issuer of the document
must be exactly the configured one: a provider that hosts others could answer for one of them otherwise.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from shared.errors import DependencyUnavailable
from shared.identity.key_set import KeySet, read_keys
from shared.identity.verifiers import unavailable
from shared.reading import InvalidText, parse_json

_DISCOVERY: Final = "/.well-known/openid-configuration"
_LARGEST_ANSWER: Final = 512 * 1024
"""Bytes. A hundred RSA keys of 4096 bits have 90 KB, twice as many with certificates."""
_SECONDS: Final = 5.0
"""For one answer."""
_DISCOVERY_FOR: Final = 600.0
"""Seconds that the address of the keys is used; after a failure it is asked for again."""
_LONGEST_ADDRESS: Final = 2048


class Provider:
    """The provider at `issuer`."""

    def __init__(
        self,
        issuer: str,
        ca_path: Path | None = None,
        *,
        seconds: float = _SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ca_path` has the certificates of the authorities to trust, in PEM; without it those of the system.

        `seconds` are for one answer.
        """
        self._issuer = issuer
        self._now = now
        self._seconds = seconds
        self._keys_at: tuple[float, str] | None = None
        # Compressed answers could be a thousand times as large as what is read.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        context = ssl.create_default_context(cafile=ca_path)
        self._client = httpx.AsyncClient(verify=context, follow_redirects=False, headers=headers, timeout=seconds)

    async def fetch(self) -> KeySet:
        """The provider's present keys. Raises DependencyUnavailable if they can't be had."""
        address = await self._address_of_keys()
        try:
            return read_keys(await self._get(address))
        except ValueError as error:
            self._keys_at = None
            raise unavailable(f"{address} has no usable key set: {error}") from error
        except DependencyUnavailable:
            self._keys_at = None
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _address_of_keys(self) -> str:
        if self._keys_at is not None and self._now() - self._keys_at[0] < _DISCOVERY_FOR:
            return self._keys_at[1]
        url = self._issuer.rstrip("/") + _DISCOVERY
        document = await self._get(url)
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:
            found = document.get("issuer") if isinstance(document, dict) else None
            shown = repr(found)[:200]
            raise unavailable(f"{url} has the issuer {shown}; OIDC_ISSUER must be exactly the provider's issuer")
        address = document.get("jwks_uri")
        if not isinstance(address, str) or not self._is_usable(address):
            raise unavailable(f"{url} has no usable jwks_uri")
        self._keys_at = (self._now(), address)
        return address

    def _is_usable(self, address: str) -> bool:
        """Whether keys may be fetched from there: without TLS only if the issuer has none either."""
        if len(address) > _LONGEST_ADDRESS:
            return False
        try:
            parts = urlsplit(address)
            named = bool(parts.hostname) and parts.username is None
        except ValueError:
            return False
        return named and parts.scheme in {"https", urlsplit(self._issuer).scheme}

    async def _get(self, url: str) -> Any:
        """The JSON at `url`."""
        try:
            async with asyncio.timeout(self._seconds):
                content = await self._read(url)
            return parse_json(content)
        except TimeoutError as error:
            raise unavailable(f"{url} has not answered within {self._seconds:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise unavailable(f"{url}: {str(error) or type(error).__name__}") from error
        except InvalidText as error:
            raise unavailable(f"{url} isn't usable JSON: {error}") from error

    async def _read(self, url: str) -> bytes:
        async with self._client.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise unavailable(f"{url} answered {answer.status_code}; 200 is expected, and no redirect is followed")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise unavailable(f"{url} sent a compressed answer, which wasn't asked for")
            content = b""
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > _LARGEST_ANSWER:
                    raise unavailable(f"{url} sent more than {_LARGEST_ANSWER} bytes")
            return content
