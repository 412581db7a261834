"""Swagger UI and ReDoc at `/docs` and `/redoc`, from files of ours: nothing is loaded from another server.

So the pages work without the internet, and no content delivery network can change what they run. The policy of each
page allows what it needs and no more: scripts from files of this server only, none inline. That is why the few lines
that start each program are files as well. `tools.page_files` lists where the files in `pages/` come from. Addresses are
relative, so that a proxy may add a prefix.
"""

import functools
import gzip
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from shared.http.content_policy import NO_FRAMES

_FOLDER = Path(__file__).parent / "pages"
_ASSETS = "/docs/assets"
_HEADERS = {"Cache-Control": "no-cache"}
"""A browser asks with the ETag each time, so that an update is seen at once. `security_headers` has all others."""
_SAME_SERVER = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:"


@dataclass(frozen=True, slots=True)
class Page:
    """A program in the browser: the element that it fills, what it loads, and what its policy allows besides."""

    element: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    policy: str
    """Where the program makes styles at run time it has `{nonce}`, that of the answer, which the element has too."""

    def headers(self, nonce: str) -> dict[str, str]:
        """Headers of the page itself."""
        policy = "; ".join((_SAME_SERVER, self.policy.format(nonce=nonce), NO_FRAMES))
        return {**_HEADERS, "Content-Security-Policy": policy}


_JAVASCRIPT, _CSS = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
FILES: Mapping[str, str] = {
    "favicon.png": "image/png",
    "page.css": _CSS,
    "redoc.js": _JAVASCRIPT,
    "redoc.standalone.js": _JAVASCRIPT,
    "swagger.js": _JAVASCRIPT,
    "swagger-ui-bundle.js": _JAVASCRIPT,
    "swagger-ui.css": _CSS,
}
"""What the pages load, with media types. The large ones are stored compressed."""
PAGES: Mapping[str, Page] = {
    "/docs": Page(
        element="swagger-ui",
        styles=("swagger-ui.css", "page.css"),
        scripts=("swagger-ui-bundle.js", "swagger.js"),
        policy="style-src 'self'",
    ),
    "/redoc": Page(
        element="redoc",
        styles=("page.css",),
        scripts=("redoc.standalone.js", "redoc.js"),
        # It makes its styles at run time, and searches in a worker that it makes.
        policy="style-src 'self' 'nonce-{nonce}'; worker-src blob:",
    ),
}

ADDRESSES = frozenset({*PAGES, *(f"{_ASSETS}/{name}" for name in FILES)})
"""Every path of the pages and their files: they are public, and have no data."""


def routes(title: str) -> list[Route]:
    """The pages, which show the document at `/openapi.json`, and their files."""
    shown = [_route(path, partial(_show, title=title, page=page)) for path, page in PAGES.items()]
    return shown + [_route(f"{_ASSETS}/{name}", partial(_send, name=name)) for name in FILES]


def asset_paths() -> list[str]:
    """The paths of the files."""
    return [f"{_ASSETS}/{name}" for name in FILES]


def _route(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, endpoint, include_in_schema=False)


async def _show(request: Request, *, title: str, page: Page) -> Response:
    nonce = secrets.token_urlsafe(16)
    return HTMLResponse(_html(title, page, nonce), headers=page.headers(nonce))


async def _send(request: Request, *, name: str) -> Response:
    content, is_compressed, tag = _read(name)
    headers = {**_HEADERS, "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if is_compressed and "gzip" not in request.headers.get("accept-encoding", ""):
        content, is_compressed = gzip.decompress(content), False
    if is_compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=FILES[name], headers=headers)


@functools.cache
def _read(name: str) -> tuple[bytes, bool, str]:
    """The stored content, whether it is compressed, and a weak ETag, which every copy of the service has in common."""
    compressed = _FOLDER / f"{name}.gz"
    is_compressed = compressed.exists()
    content = (compressed if is_compressed else _FOLDER / name).read_bytes()
    return content, is_compressed, f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


def _html(title: str, page: Page, nonce: str) -> str:
    base = _ASSETS.removeprefix("/")
    attribute = f' data-nonce="{nonce}"' if "{nonce}" in page.policy else ""
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f'<link rel="icon" type="image/png" href="{base}/favicon.png">',
        *(f'<link rel="stylesheet" href="{base}/{name}">' for name in page.styles),
        f'</head><body><div id="{page.element}"{attribute}></div>',
        *(f'<script src="{base}/{name}"></script>' for name in page.scripts),
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"
