"""`python -m tools.api_changes`: compare the documents in `docs` with those of the last release, in `docs/api`.

Prints what breaks clients; the exit status is 1 if `API_VERSION` doesn't permit that. `--release` stores the present
documents as those of `VERSION`, without their texts.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.version import API_VERSION, VERSION
from tools.api_changes.operations import breaking_changes, permits_breaking
from tools.openapi_documents import DOCUMENTS
from tools.openapi_rules import JsonObject

_TEXTS = frozenset({"title", "description", "summary", "examples", "example", "tags", "servers"})
_NAMED = frozenset({"properties", "schemas", "parameters", "headers", "patternProperties"})
"""Objects whose keys are names, which a text's key may be as well."""


def released(path: Path, version: str) -> Path:
    """Where the document of a release is kept: `docs/api/openapi-0.1.0.json`."""
    return path.parent / "api" / f"{path.stem}-{version}.json"


def problems() -> list[str]:
    """What breaks clients of the last release, if the version doesn't permit that."""
    if permits_breaking(VERSION, API_VERSION):
        return []
    return list(changes())


def changes() -> Iterator[str]:
    """What breaks clients of the last release. A document that it didn't have has no clients."""
    for path in DOCUMENTS:
        base = released(path, VERSION)
        if base.exists():
            yield from breaking_changes(_read(base), _read(path))


def without_texts(node: Any, *, names: bool = False) -> Any:
    """A document without what people read."""
    if isinstance(node, list):
        return [without_texts(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if names or key not in _TEXTS}
    return {key: without_texts(value, names=key in _NAMED and not names) for key, value in kept.items()}


def _read(path: Path) -> JsonObject:
    document: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    return document


def _store_release() -> None:
    for path in DOCUMENTS:
        text = json.dumps(without_texts(_read(path)), indent=1, ensure_ascii=False) + "\n"
        released(path, VERSION).write_text(text, encoding="utf-8")


def main() -> int:
    """Compare, or store; returns the exit status."""
    if sys.argv[1:] == ["--release"]:
        _store_release()
        return 0
    for each in changes():
        print(each)
    found = problems()
    if found:
        print(
            f"{len(found)} changes break clients of {VERSION}: set API_VERSION in shared/version.py to the next minor."
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
