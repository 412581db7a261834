"""`python -m tools.benches [name ...]`: runs the benches one by one, and writes their tables into docs/performance.md.

What a bench prints is shown at once, so that one that is stopped, or fails, has shown what it had measured by then;
what it logs is shown only if it failed. The page has tables of benches that ended well.
"""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import Any

from rich.console import Console
from rich.markup import escape

from tools.bench_page import with_tables
from tools.locks import ROOT

FOLDER = ROOT / "tests" / "benchmarks"
PAGE = ROOT / "docs" / "performance.md"
LONG = frozenset({"ladder", "memory"})
"""They take about ten minutes each, and run only if they are named."""
_RESULTS = "BENCH_RESULTS"


def chosen(names: list[str]) -> list[Path]:
    """The benches with these names (`scaling` is bench_scaling.py), or all short ones. Ends for an unknown name."""
    known = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"There is no bench {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in names or known.keys() - LONG]


def run(bench: Path, place: str, console: Console, page: Path | None = None) -> bool:
    """Run one and write its tables into `page`; whether it ended well."""
    name = bench.stem.removeprefix("bench_")
    began, about = time.monotonic(), _about()
    console.print(f"[bold]{escape(name)}[/] {escape(place)}")
    with TemporaryFile("w+", encoding="utf-8") as log, NamedTemporaryFile("r", encoding="utf-8") as results:
        status = _shown(bench, results.name, log, console)
        console.print(f"{escape(name)} took {time.monotonic() - began:.0f} s")
        if status:
            log.seek(0)
            console.out(log.read(), highlight=False)
            console.print(f"{escape(name)} failed; run it alone: {escape(f'make bench ARGS={name}')}")
        elif page is not None and (tables := [json.loads(line) for line in results]):
            page.write_text(with_tables(page.read_text("utf-8"), name, tables, about), encoding="utf-8")
    return status == 0


def _shown(bench: Path, results: str, log: Any, console: Console) -> int:
    """Run a bench and print its lines as they come; its exit status."""
    command, variables = [sys.executable, str(bench)], os.environ | {_RESULTS: results, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(  # noqa: S603 - our own programs
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=log, text=True
    ) as process:
        for line in process.stdout or ():
            console.out(line, end="", highlight=False)
    return process.returncode


def _about() -> str:
    """When and on what it is measured: the load at the begin tells how much of the machine others used."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - the git of the person who develops here
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    commit = found.stdout.strip() or "unknown"
    machine = f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[0]:.1f} before"
    return f"Measured on {datetime.now(UTC):%Y-%m-%d} at {commit}, {machine}."


def _page() -> Path | None:
    """Where the tables go: docs/performance.md, or the page that BENCH_PAGE names; empty, it is none."""
    named = os.environ.get("BENCH_PAGE")
    if named is None:
        return PAGE
    return Path(named) if named else None


def main() -> int:
    """Run the benches that the arguments name; returns 1 if one failed."""
    console = Console(soft_wrap=True)
    benches = sorted(chosen(sys.argv[1:]))
    outcomes = [run(bench, f"({n} of {len(benches)})", console, _page()) for n, bench in enumerate(benches, start=1)]
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
