"""Whole manifests, to the byte. `UPDATE_GOLDEN=1` rewrites them: review the difference before committing it."""

import os
from pathlib import Path

import pytest

from services.manifest.rendering import to_yaml
from tests.support.tenants import TENANTS

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("name", TENANTS)
def test_a_manifest_is_what_it_was(name: str) -> None:
    text = to_yaml(TENANTS[name].render())
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file.name} differs; UPDATE_GOLDEN=1 rewrites it"


def test_there_is_no_golden_file_that_no_tenant_makes() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(TENANTS)
