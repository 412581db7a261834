"""The commands of the READMEs and their documented output, for tests that run and compare them.

In a `console` block a line that begins with `$ ` is a command, and the lines after it are its output. `…` matches
anything within a line, and a line `...` any number of lines. Times, ids and similar values may differ. Without
documented output, the command only has to succeed.

Each command belongs to a place where a test runs it; a command without a place is an error.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

ROOT = Path(__file__).parents[2]
READMES = (ROOT / "README.md", ROOT / "README.ko.md")
OPERATIONS = ROOT / "docs" / "operations.md"
_MARK = "---- the next command ----"
_VARIABLE = (
    (r"\d+(\.\d+)? s\b", "# s"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "#time"),
    (r"\b(dep|del|req)-[0-9a-f]{12}", r"\1-#"),
    # Measured values in the cells of a benchmark's table, and the column widths that depend on them.
    (r"(?<=│) *[\d.,]+(?= │)", " #"),
    (r"(?<=[━─])[━─]+", ""),
    (r"(?m)(?<=[│┃]) +| +(?=[│┃])|^ +", " "),
)


class Place(Enum):
    """Where a command of a page is run."""

    EMBEDDED = auto()
    """tests/e2e/test_make_run.py: by `make run`, and on what it has started."""
    CONTAINERS = auto()
    """tests/containers/test_pages.py: by Compose."""
    ALONE = auto()
    """tests/integration/test_readmes.py: needs nothing but this folder."""
    CI = auto()
    """.ci/run, which a test can't run inside itself."""


_PLACES = {
    r"API=|curl |kubectl |make run\b|make dlq\b|tail ": Place.EMBEDDED,
    r"make (up|down)\b|docker compose |cp \.env\.example \.env$": Place.CONTAINERS,
    r"make (help|bench)\b": Place.ALONE,
    r"make (check|test)$": Place.CI,
}


@dataclass(frozen=True)
class Example:
    """A command and the output that a README shows for it."""

    command: str
    output: tuple[str, ...]


def blocks(text: str, kind: str) -> list[list[str]]:
    """The lines of each fenced block of `kind`."""
    return [found.splitlines() for found in re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", text)]


def examples(path: Path) -> list[Example]:
    """Every command of a README, in order."""
    found: list[Example] = []
    for block in blocks(path.read_text(encoding="utf-8"), "console"):
        assert block[0].startswith("$ "), f"{path.name}: a console block begins with a command, not with {block[0]!r}"
        for line in block:
            if line.startswith("$ "):
                found.append(Example(line.removeprefix("$ "), ()))
            else:
                found[-1] = Example(found[-1].command, (*found[-1].output, line))
    return found


def asides(path: Path) -> list[str]:
    """Commands that inspect containers, from a page's sentences and tables."""
    outside = re.sub(r"(?ms)^```.*?^```$", "", path.read_text(encoding="utf-8"))
    return list(dict.fromkeys(re.findall(r"`(docker compose (?:ps|logs|exec|run)\b[^`]*)`", outside)))


def queries(path: Path) -> list[str]:
    """SQL from a page's tables."""
    return re.findall(r"`(SELECT [^`]*;)`", path.read_text(encoding="utf-8"))


def place(command: str) -> Place:
    """Where `command` is run; ValueError if no test runs it."""
    bare = re.sub(r"^([A-Z_]+=\S* )+(?=make|docker)", "", command)
    for pattern, where in _PLACES.items():
        if re.match(pattern, bare):
            return where
    raise ValueError(f"no test runs {command!r}: what it shows could be wrong, so give it a place in _PLACES")


def examples_of(path: Path, where: Place) -> list[Example]:
    """The commands of a page that belong to one place, in order."""
    return [example for example in examples(path) if place(example.command) is where]


def replaced(text: str, words: Mapping[str, str]) -> str:
    """A page's text with its addresses replaced by those of this run, or the other way round."""
    for word, instead in words.items():
        text = text.replace(word, instead)
    return text


def agrees(example: Example, printed: str) -> bool:
    """Whether what was printed is what the README shows."""
    if not example.output:
        return True
    lines = [_pattern(line) for line in example.output]
    return re.fullmatch("".join(lines), f"{_steady(printed).rstrip()}\n" if printed.strip() else "") is not None


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the tests, without the variables of an outer `make`, which would be inherited."""
    makes = {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PROFILE", "SCALE", "TESTS"}
    return {name: value for name, value in os.environ.items() if name not in makes} | dict(variables or {})


def run(commands: list[str], variables: Mapping[str, str] | None = None) -> list[str]:
    """Run all commands in one shell, with `variables` exported; return the output of each. Fails if a command fails."""
    script = "set -e\n" + "".join(f"echo '{_MARK}'\n{command}\n" for command in commands)
    shell = shutil.which("bash") or "/bin/bash"
    done = subprocess.run(
        [shell],
        cwd=ROOT,
        input=script,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return [printed.lstrip("\n") for printed in done.stdout.split(_MARK)[1:]]


def _steady(text: str) -> str:
    for pattern, steady in _VARIABLE:
        text = re.sub(pattern, steady, text)
    return re.sub(r"(?m) +(?=# s$)", " ", text)


def _pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    return ".*".join(re.escape(part) for part in _steady(line).rstrip().split("…")) + r"\s*\n"
