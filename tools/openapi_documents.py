"""`python -m tools.openapi_documents`: docs/openapi.json and docs/simulator-openapi.json, as the services serve them.

The gateway's document has the names of the catalogue in this repository.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from services.gateway import app as gateway
from services.simulator.api.product import openapi as simulator
from shared.catalog import load_catalog
from tools.locks import ROOT

GATEWAY = ROOT / "docs" / "openapi.json"
SIMULATOR = ROOT / "docs" / "simulator-openapi.json"
DOCUMENTS: Mapping[Path, Callable[[], dict[str, Any]]] = {
    GATEWAY: lambda: gateway.document(load_catalog()),
    SIMULATOR: lambda: json.loads(simulator.document()),
}


def text(document: dict[str, Any]) -> str:
    """A document as it is committed: one line for each value, so that a change shows as such."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write both documents."""
    for path, document in DOCUMENTS.items():
        path.write_text(text(document()), encoding="utf-8")


if __name__ == "__main__":
    main()
