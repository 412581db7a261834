"""The paths that need no credential: health, metrics, the API's pages, and how to sign in.

They are exact: a path that is new, or misspelt, needs a credential.
"""

from typing import Final

from shared.http.api_pages import asset_paths

PUBLIC: Final = frozenset(
    {"/health", "/ready", "/metrics", "/openapi.json", "/docs", "/redoc", "/api/v1/auth", *asset_paths()}
)


def is_public(path: str) -> bool:
    """Whether this path is served without a credential."""
    return path in PUBLIC
