"""Fuzz targets for libFuzzer: `python -m tests.unit.fuzzing.fuzz_parsers TARGET|all [options] [corpus directory]`.

With `all`, the first byte of an input chooses the target: one process, whose imports are most of a short run's time.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["services.simulator.api", "shared.reading", "shared.kube.texts"]):
    from tests.unit.fuzzing.targets import SEEDS, TARGETS

NAMES = sorted(TARGETS)


def look_at_all(data: bytes) -> None:
    """The first byte is the target's number."""
    if data:
        TARGETS[NAMES[data[0] % len(NAMES)]](data[1:])


def seed(directory: Path, wanted: str) -> None:
    """Inputs from which mutations get past the first check."""
    for number, name in enumerate(NAMES):
        if wanted in ("all", name):
            prefix = bytes([number]) if wanted == "all" else b""
            (directory / f"seed-{name}").write_bytes(prefix + SEEDS[name])


if __name__ == "__main__":
    chosen = sys.argv.pop(1)
    if Path(sys.argv[-1]).is_dir():
        seed(Path(sys.argv[-1]), chosen)
    atheris.Setup(sys.argv, look_at_all if chosen == "all" else TARGETS[chosen])
    atheris.Fuzz()
