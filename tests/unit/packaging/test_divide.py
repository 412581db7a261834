"""The images' environments: each has the files of its lock's packages, and no image has those of another's."""

import importlib.resources
import runpy
import subprocess
import sys
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tools.locks import ROOT

SITE = Path("lib/python3.11/site-packages")
divide: Callable[[Path, Path, Path], None] = runpy.run_path(str(ROOT / "deploy/images/divide.py"))["divide"]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment as pip leaves it without compiling: the interpreter's files, a package with a script, one more."""
    folder = tmp_path / "ecp"
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/local/bin\n")
    (folder / "bin/python").symlink_to("/usr/local/bin/python3")
    install(folder, "orjson", "orjson/__init__.py", "../../../bin/orjson")
    install(folder, "Typing_Extensions", "typing_extensions.py")
    (folder / "lib64").symlink_to("lib")
    return folder


def install(environment: Path, name: str, *paths: str) -> None:
    information = f"{name}-1.0.dist-info"
    files = dict.fromkeys(paths, "")
    files[f"{information}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{information}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{information}/RECORD"])
    for path, text in files.items():
        file = environment / SITE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def divided(environment: Path, **locks: str) -> Path:
    folder = environment.parent / "locks"
    folder.mkdir()
    for name, text in locks.items():
        (folder / f"{name}.lock").write_text(text)
    divide(environment, folder, environment.parent / "environments")
    return environment.parent / "environments"


def test_an_environment_has_the_files_of_its_packages_and_no_others(environment: Path) -> None:
    made = divided(environment, gateway="orjson==1.0 \\\n    --hash=sha256:00\n", cli="typing-extensions==1.0\n")

    assert Path(cache_from_source(made / "gateway" / SITE / "orjson/__init__.py")).is_file()
    assert (made / "gateway/bin/orjson").is_file()
    assert not (made / "gateway" / SITE / "typing_extensions.py").exists()
    assert (made / "cli" / SITE / "typing_extensions.py").is_file()
    assert not (made / "cli/bin/orjson").exists()
    # An empty folder would be a namespace package, which can be imported.
    assert not (made / "cli" / SITE / "orjson").exists()


def test_every_environment_has_the_interpreter(environment: Path) -> None:
    made = divided(environment, gateway="orjson==1.0\n", cli="typing-extensions==1.0\n")

    for name in ("gateway", "cli"):
        assert (made / name / "bin/python").readlink() == Path("/usr/local/bin/python3")
        assert (made / name / "lib64").readlink() == Path("lib")
        assert (made / name / "pyvenv.cfg").is_file()


def test_what_no_image_uses_is_left_out(environment: Path) -> None:
    schemas = "kubernetes_validate/kubernetes-json-schema/v1.33.0-local"
    install(environment, "kubernetes-validate", f"{schemas}/_definitions.json", f"{schemas}/pod-v1.json")
    install(environment, "numpy", "numpy/__init__.py", "numpy/lib/tests/test_io.py", "numpy/testing/__init__.py")
    models = "kubernetes/aio/client/models"
    install(environment, "kubernetes", f"{models}/__init__.py", f"{models}/v1_pod.py", "kubernetes/client/api/apps.py")

    lock = "kubernetes-validate==1.0\nnumpy==1.0\nkubernetes==1.0\n"
    made = divided(environment, manifest=lock) / "manifest" / SITE

    assert [path.name for path in made.rglob("*.json")] == ["_definitions.json"]
    assert {path.parent.name for path in made.rglob("numpy/**/*.py")} == {"numpy", "testing"}
    assert [path.name for path in made.rglob("kubernetes/**/*.py")] == ["__init__.py"]
    assert not list((environment / SITE / "kubernetes").rglob("v1_pod*.pyc"))


@pytest.mark.slow
def test_the_services_import_none_of_the_classes_that_images_lack() -> None:
    program = """
import sys, services.deployer.app, services.monitor.app, kubernetes.aio.config, kubernetes.aio.dynamic
print([name for name in sys.modules if name.startswith("kubernetes.") and name.count(".") > 2
       and name.split(".")[-2] in ("models", "api")])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_definitions_of_every_kubernetes_version_stay(environment: Path) -> None:
    folder = importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema"
    names = [f"kubernetes_validate/kubernetes-json-schema/{each.name}/_definitions.json" for each in folder.iterdir()]
    install(environment, "kubernetes-validate", *names)

    made = divided(environment, manifest="kubernetes-validate==1.0\n") / "manifest" / SITE

    assert names
    assert all((made / name).is_file() for name in names)


def test_a_locked_package_that_is_not_installed_fails_the_build(environment: Path) -> None:
    with pytest.raises(KeyError, match="uvicorn"):
        divided(environment, gateway="orjson==1.0\nuvicorn==1.0\n")


def test_a_file_of_no_package_fails_the_build(environment: Path) -> None:
    (environment / SITE / "left.py").write_text("")

    with pytest.raises(SystemExit, match="left"):
        divided(environment, gateway="orjson==1.0\n")
