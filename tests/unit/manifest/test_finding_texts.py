"""The table of findings: English sentences, and the documentation has all of them."""

from pathlib import Path

import pytest

from services.manifest.validation import CODES

DOCS = Path(__file__).parents[3] / "docs" / "manifests.md"


@pytest.mark.parametrize("code", CODES)
def test_an_advice_is_a_sentence(code: str) -> None:
    assert CODES[code].message
    assert CODES[code].advice.rstrip().endswith(".")


def test_the_documentation_has_every_code_with_its_severity() -> None:
    documented = DOCS.read_text(encoding="utf-8")
    missing = [name for name, code in CODES.items() if f"| `{name}` | {code.severity}" not in documented]
    assert missing == []
