"""What an image starts imports only packages of its lock: the smallest images, to which a new import is fatal first."""

import re
import subprocess
import sys

import pytest

from tools.locks import LOCKS, ROOT

STARTED = {
    "bootstrap": "shared.bus.__main__",
    "migrate": "shared.database.__main__",
    "cli": "cli.__main__",
    "calculator": "services.calculator.__main__",
    "manifest": "services.manifest.__main__",
}
"""The module that each image runs."""
PROGRAM = """
import importlib, importlib.metadata, re, sys
module, *locked = sys.argv[1:]
packages = importlib.metadata.packages_distributions()

class Lacking:
    def find_spec(self, name, path=None, target=None):
        owners = {re.sub("[-_.]+", "-", each).lower() for each in packages.get(name, ())}
        if owners and not owners & set(locked):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Lacking())
importlib.import_module(module)
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", STARTED)
def test_an_image_has_the_packages_that_its_program_imports(target: str) -> None:
    text = (LOCKS / f"{target}.lock").read_text(encoding="utf-8")
    locked = [name.lower() for name in re.findall(r"(?m)^([A-Za-z0-9._-]+)==", text)]
    command = [sys.executable, "-c", PROGRAM, STARTED[target], "ecp-ai-k8s-orchestrator", *locked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
