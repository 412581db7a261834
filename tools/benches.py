"""`python -m tools.benches [name ...]`: runs the benches one by one, and shows which one runs and for how long.

What a bench prints is shown when it has ended; what it logs, only if it failed.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tools.locks import ROOT

FOLDER = ROOT / "tests" / "benchmarks"


def chosen(names: list[str]) -> list[Path]:
    """The benches with these names (`scaling` is bench_scaling.py), or all. Ends the process for an unknown one."""
    known = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"There is no bench {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in names or known]


def run(bench: Path, place: str, console: Console) -> bool:
    """Run one, with a clock on a terminal; whether it ended well."""
    name = bench.stem.removeprefix("bench_")
    columns = (SpinnerColumn(), TextColumn(escape(f"{name} {place}")), TimeElapsedColumn())
    begun = time.monotonic()
    with TemporaryFile("w+", encoding="utf-8") as log:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            progress.add_task("", total=None)
            done = subprocess.run(  # noqa: S603 - our own programs
                [sys.executable, str(bench)], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, check=False
            )
        console.print(f"[bold]{escape(name)}[/] {escape(place)}, {time.monotonic() - begun:.0f} s")
        console.out(done.stdout, highlight=False)
        if done.returncode:
            log.seek(0)
            console.out(log.read(), highlight=False)
            console.print(f"{escape(name)} failed; run it alone: {escape(f'make bench ARGS={name}')}")
    return done.returncode == 0


def main() -> int:
    """Run the benches that the arguments name; returns 1 if one failed."""
    console = Console(soft_wrap=True)
    benches = chosen(sys.argv[1:])
    outcomes = [run(bench, f"({n} of {len(benches)})", console) for n, bench in enumerate(benches, start=1)]
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
