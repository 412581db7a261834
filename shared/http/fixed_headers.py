"""The headers of every answer, in a module without a framework: workers have none, and their server answers, too."""

from typing import Final

from shared.http.content_policy import NO_FRAMES

ALWAYS: Final = (
    ("Content-Security-Policy", f"default-src 'none'; {NO_FRAMES}"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    # Pages of CORS_ORIGINS read by CORS, which this header doesn't affect; it stops <img> and <script> of others.
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
"""Of every answer, unless it has its own."""
