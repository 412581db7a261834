"""The paths that need no credential: health, metrics, the API's pages, and how to sign in.

They are exact: a path that is new, or misspelt, needs a credential. So does anything but reading them.
"""

from typing import Final

from starlette.types import Scope

from services.gateway.http.reads import reads
from shared.http.api_pages import asset_paths

PUBLIC: Final = frozenset(
    {"/health", "/ready", "/metrics", "/openapi.json", "/docs", "/redoc", "/api/v1/auth", *asset_paths()}
)


def is_public(scope: Scope) -> bool:
    """Whether a request is served without a credential."""
    return reads(scope, PUBLIC)
