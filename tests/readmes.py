"""The READMEs' commands and what they are said to print, so that tests can see whether it is so.

In a block of the kind `console` a line that begins with `$ ` is a command; what follows is its output, of which `…` may
be anything within a line, and a line `...` any number of lines. Times, ids and the like need not be the same.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
READMES = (ROOT / "README.md", ROOT / "README.ko.md")
RUNS_ON_THE_STACK = ("API=", "curl ", "kubectl ")
_MARK = "---- the next command ----"
_VARIABLE = (
    (r"\d+(\.\d+)? s\b", "# s"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "#time"),
    (r"\b(dep|del|req)-[0-9a-f]{12}", r"\1-#"),
)


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


def agrees(example: Example, printed: str) -> bool:
    """Whether what was printed is what the README shows."""
    lines = [_pattern(line) for line in example.output]
    return re.fullmatch("".join(lines), f"{_steady(printed).rstrip()}\n" if printed.strip() else "") is not None


def run(commands: list[str], variables: Mapping[str, str]) -> list[str]:
    """What each command prints, all in one shell. `variables` are exported before."""
    script = "".join(f"echo '{_MARK}'\n{command}\n" for command in commands)
    shell = shutil.which("bash") or "/bin/bash"
    done = subprocess.run(
        [shell], input=script, env=dict(variables), capture_output=True, text=True, timeout=60, check=False
    )
    return [printed.lstrip("\n") for printed in done.stdout.split(_MARK)[1:]]


def _steady(text: str) -> str:
    for pattern, steady in _VARIABLE:
        text = re.sub(pattern, steady, text)
    return re.sub(r"(?m) +(?=# s$)", " ", text)


def _pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    return ".*".join(re.escape(part) for part in _steady(line).rstrip().split("…")) + r"\s*\n"
