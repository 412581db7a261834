"""The table of findings: both languages have the same details, and the documentation has all findings."""

import string
from pathlib import Path

import pytest

from services.manifest.validation import CODES

DOCS = Path(__file__).parents[3] / "docs" / "manifests.md"


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", CODES)
def test_a_finding_has_the_same_details_in_both_languages(code: str) -> None:
    texts = CODES[code]
    assert placeholders(texts.en) >= placeholders(texts.ko) - {"end", "meant"}
    assert placeholders(texts.ko) >= placeholders(texts.en) - {"detail"}
    assert any("가" <= letter <= "힣" for letter in texts.ko)
    assert any("가" <= letter <= "힣" for letter in texts.do_ko)
    assert texts.do_en.rstrip().endswith(".")


def test_the_documentation_has_every_code_with_its_severity() -> None:
    documented = DOCS.read_text(encoding="utf-8")
    missing = [name for name, code in CODES.items() if f"| `{name}` | {code.severity}" not in documented]
    assert missing == []
