"""Counts words that the house doesn't use, in code, names, documentation and the changelog.

They are plain English, but they make a reader guess: a process doesn't *say* something, it publishes, reports or logs
it. `docs/glossary.md` has the terms to use instead. `ALLOWED` has what each folder may still have:
lower it, never raise it.
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
    ".": 11,
    "docs": 65,
    "embedded": 1,
    "shared": 8,
    "tests": 1,
    "tests/support": 9,
    "tests/benchmarks": 3,
    "tests/benchmarks/peers": 1,
    "tests/containers": 20,
    "tests/e2e": 18,
    "tests/integration/test_bus": 65,
    "tests/integration/test_cli": 5,
    "tests/integration/test_database": 5,
    "tests/integration/test_embedded": 4,
    "tests/integration/test_monitor": 2,
    "tests/integration/test_sla": 3,
    "tests/integration/test_worker": 4,
    "tests/unit/catalog": 5,
    "tests/unit/embedded": 12,
    "tests/unit/kube": 8,
    "tests/unit/packaging": 15,
    "tests/unit/reliability": 1,
    "tests/unit/shared": 6,
}


def files() -> Iterator[Path]:
    """Everything that a person reads, relative to the root; not what is rendered (golden files) or made by running."""
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.is_file() and path.suffix in SUFFIXES and inside.parts[:2] != ("tests", "golden"):
                yield inside
    yield from (Path(name) for name in TOP if (ROOT / name).exists())


def folder(path: Path) -> str:
    """The folder that a file is counted under: one for each part of the house that somebody works on."""
    if path.parent == Path("tests/integration"):
        return f"tests/integration/{'_'.join(path.stem.split('_')[:2])}"
    depth = {"services": 2, "tests": 3}.get(path.parts[0], 1)
    return "/".join(path.parts[:-1][:depth]) or "."


def found(text: str) -> list[str]:
    """The banned words of a text, wherever its lines end."""
    for quoted in QUOTED:
        text = text.replace(quoted, "")
    lowered = re.sub(r"\b([A-Z])(?=[a-z])", lambda first: first[1].lower(), SPACE.sub(" ", text))
    return PATTERN.findall(lowered)


def counted() -> dict[str, Counter[Path]]:
    """How many banned words each file has, by folder."""
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
