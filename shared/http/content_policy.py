"""Parts of the Content-Security-Policy that our pages have in common. Pure."""

import base64
import hashlib
from typing import Final

NO_FRAMES: Final = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For every page: it has no other base, sends no form, and is shown in no frame."""


def hash_source(text: str) -> str:
    """The source that allows exactly this inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
