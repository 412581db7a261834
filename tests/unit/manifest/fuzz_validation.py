"""A fuzz target for libFuzzer: `python fuzz_validation.py -max_total_time=90 [corpus directory]`."""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[3]))

with atheris.instrument_imports(include=["services.manifest.validation", "shared.kube", "shared.reading"]):
    from services.manifest.validation import ValidationOptions, validate_text
    from shared.catalog import load_catalog

CATALOG = load_catalog()
GOLDEN = Path(__file__).parents[2] / "golden"


def look(data: bytes) -> None:
    validate_text(data, ValidationOptions(simulator=True, tenant_id="fuzz"), CATALOG)


def seed(directory: Path) -> None:
    """Single documents of the golden files: mutations of them get past the reader."""
    text = (GOLDEN / "everything-optional.yaml").read_text(encoding="utf-8")
    for number, document in enumerate(text.split("---\n")[1:]):
        (directory / f"seed-{number}").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1 and Path(sys.argv[-1]).is_dir():
        seed(Path(sys.argv[-1]))
    atheris.Setup(sys.argv, look)
    atheris.Fuzz()
