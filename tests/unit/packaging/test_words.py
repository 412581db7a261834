"""Counts words that this project avoids in code, names, documentation and the changelog.

They are plain English, but they are ambiguous: a process doesn't *say* something, it publishes, reports or logs
it. `docs/glossary.md` has the terms to use instead. `ALLOWED` is the remaining number for each folder; it may only
be lowered.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tools.locks import ROOT

pytestmark = pytest.mark.slow


BANNED: Final = (
    "say|says|said|saying|whoever|anew|nobody|somebody|the books|a word|(?:put|puts|putting) off|"
    "(?:take|takes|taken|taking|took) in|(?<!look )(?<!looks )(?<!looked )(?<!looking )(?<!point )(?<!pointed )at it"
)
# An underscore separates words too, since names of functions and tests are read as sentences; capitals are a constant.
PATTERN: Final = re.compile(rf"(?<![A-Za-z`'])(?:{BANNED})(?![A-Za-z`])")
SPACE: Final = re.compile(r"[\s_]*\n[\s#>*/-]*|[ \t_]+")
QUOTED: Final = (
    # Messages and names of others, which stay as they are.
    "gateway-takes-in",
)
PLACES: Final = (".ci", "cli", "deploy", "docs", "embedded", "examples", "services", "shared", "tests", "tools")
TOP: Final = ("CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "Makefile", "README.md", "SECURITY.md", "pyproject.toml")
SUFFIXES: Final = {"", ".c", ".html", ".js", ".json", ".md", ".py", ".sh", ".sql", ".toml", ".yaml", ".yml"}
NOT_COUNTED: Final = {Path("docs/glossary.md"), Path(__file__).relative_to(ROOT)}

ALLOWED: Final = {
    "embedded": 1,
}


def files() -> Iterator[Path]:
    """All files that a person reads, relative to the root, without golden files and output of runs."""
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.is_file() and path.suffix in SUFFIXES and inside.parts[:2] != ("tests", "golden"):
                yield inside
    yield from (Path(name) for name in TOP if (ROOT / name).exists())


def folder(path: Path) -> str:
    """The folder under which a file is counted."""
    if path.parent == Path("tests/integration"):
        return f"tests/integration/{'_'.join(path.stem.split('_')[:2])}"
    depth = {"services": 2, "tests": 3}.get(path.parts[0], 1)
    return "/".join(path.parts[:-1][:depth]) or "."


def found(text: str) -> list[str]:
    """The banned words of a text, also across line breaks."""
    for quoted in QUOTED:
        text = text.replace(quoted, "")
    lowered = re.sub(r"\b([A-Z])(?=[a-z])", lambda first: first[1].lower(), SPACE.sub(" ", text))
    return PATTERN.findall(lowered)


def counted() -> dict[str, Counter[Path]]:
    """The number of banned words in each file, by folder."""
    counts: dict[str, Counter[Path]] = {}
    for path in files():
        if path not in NOT_COUNTED and (number := len(found((ROOT / path).read_text(encoding="utf-8")))):
            counts.setdefault(folder(path), Counter())[path] = number
    return counts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what the deployer says", ["says"]),
        ("def test_a_loser_says_nothing_anew() -> None:", ["says", "anew"]),
        ("Somebody else", ["somebody"]),
        ("# is taken\n    # in by the gateway", ["taken in"]),
        ("it has put\noff the retry", ["put off"]),
        ("the user `nobody`, NOBODY, 'nobody', essays, look at it", []),
        ("durable `gateway-takes-in`", []),
    ],
)
def test_words_are_found_across_lines_and_in_names(text: str, words: list[str]) -> None:
    assert found(text) == words


def test_no_folder_has_more_banned_words_than_it_may() -> None:
    counts = counted()
    over = {name: files.most_common() for name, files in counts.items() if files.total() > ALLOWED.get(name, 0)}
    assert over == {}, "docs/glossary.md has the terms to use instead"
