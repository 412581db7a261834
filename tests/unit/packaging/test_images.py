"""The Dockerfile agrees with the lock files, the contract and the documentation."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.metadata import version as version_of

import pytest
import yaml
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from cli.__main__ import app
from shared.access import ACCESS
from shared.version import VERSION
from tools.locks import IMAGES, LOCKS, ROOT, closure, part
from tools.nats_accounts import FILE as ACCOUNTS
from tools.nats_accounts import TEMPLATE, configuration, template

pytestmark = pytest.mark.slow


DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES = {"gateway", "calculator", "manifest", "deployer", "monitor", "simulator"}
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_s_lock_is_its_extra_s_part_of_requirements_lock(image: str) -> None:
    written = (LOCKS / f"{image}.lock").read_text(encoding="utf-8")

    assert written == part(LOCK, IMAGES[image]), "run `make docs`"
    pins = re.findall(r"(?m)^[A-Za-z0-9].*?(?=^[A-Za-z0-9]|\Z)", written, re.DOTALL)
    assert pins
    assert all("--hash=sha256:" in pin for pin in pins)


def test_a_service_s_image_has_none_of_what_only_others_need() -> None:
    assert {"fastapi", "sqlalchemy"} <= closure("gateway")
    assert not {"scipy", "kubernetes", "kubernetes-validate"} & closure("gateway")
    assert not {"sqlalchemy", "kubernetes", "fastapi"} & closure("calculator")
    assert not {"scipy", "kubernetes", "sqlalchemy"} & closure("manifest")
    assert not {"scipy", "sqlalchemy", "fastapi"} & closure("deployer")
    assert not {"scipy", "fastapi"} & closure("monitor")
    assert not {"faststream", "nats-py", "sqlalchemy", "kubernetes", "fastapi"} & closure("simulator")
    assert not {"faststream", "nats-py", "fastapi"} & closure("database")
    assert not any(
        {"pytest", "ruff", "supervisor", "rich"} & closure(extra) for extra in IMAGES.values() if extra != "cli"
    )


_START = """
import importlib.abc, runpy, sys


class NotInTheImage(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r} in this image", name=name)


absent = set(sys.argv[1].split(","))
sys.meta_path.insert(0, NotInTheImage())
runpy.run_module(sys.argv[2], run_name="started")
"""


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_every_package_that_its_program_imports(image: str) -> None:
    program = re.search(rf'(?ms)^FROM \S+ AS {image}$.*?^ENTRYPOINT \[.*?"-m", "([^"]+)"', DOCKERFILE)
    assert program is not None
    locked = closure(IMAGES[image])
    absent = {
        package
        for package, names in packages_distributions().items()
        if not any(canonicalize_name(name) in locked for name in names)
    } - {"services", "shared", "cli"}

    done = subprocess.run(
        [sys.executable, "-c", _START, ",".join(absent), f"{program[1]}.__main__"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_lock_that_lacks_something_is_no_lock() -> None:
    without = re.sub(r"(?m)^orjson==.*\n(    .*\n)*", "", LOCK)

    with pytest.raises(SystemExit, match="lacks orjson"):
        part(without, "gateway")


@pytest.mark.parametrize("image", IMAGES)
def test_every_image_is_a_target_that_starts_python_itself_and_never_as_root(image: str) -> None:
    stages = dict(re.findall(r"(?m)^FROM \S+ AS (\S+)\n((?:(?!^FROM).*\n?)*)", DOCKERFILE))

    assert f"--from=build /environments/{image} /opt/ecp" in stages[image]
    # In exec form the process receives SIGTERM; a shell in between wouldn't forward it.
    first = r'"-I", "-S", "shared/entrypoint.py", "--", "python", "-m"' if image in SERVICES else '"-m"'
    assert re.search(rf'^ENTRYPOINT \["python", {first}', stages[image], re.MULTILINE)
    user = re.search(r"^USER (\d+)", stages["runtime"], re.MULTILINE)
    assert user is not None
    assert int(user[1]) >= 10_000
    assert "USER" not in stages[image]


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    assert project["version"] == version_of("ecp-orchestrator") == VERSION
    assert f"ARG VERSION={VERSION}\n" in DOCKERFILE
    assert set(re.findall(r"ECP_VERSION:-([^}]+)}", compose)) == {VERSION}
    assert re.search(r"(?m)^## \[(\d.*?)\] - \d{4}-\d\d-\d\d$", changelog)[1] == VERSION


def test_ecp_prints_its_version() -> None:
    answer = CliRunner().invoke(app, ["--version"])

    assert (answer.exit_code, answer.output) == (0, f"ecp {VERSION}\n")


def test_the_licence_is_apache_s() -> None:
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_nats_in_containers_knows_the_contract_s_accounts() -> None:
    assert ACCOUNTS.read_text(encoding="utf-8") == configuration(), "run `make docs`"
    assert TEMPLATE.read_text(encoding="utf-8") == template(), "run `make docs`"
    start = ACCOUNTS.with_name("start.sh").read_text(encoding="utf-8")
    assert set(re.search(r"(?m)^ +(gateway \|.*)\)$", start)[1].split(" | ")) == set(ACCESS)


def test_the_build_sees_only_what_the_dockerfile_copies() -> None:
    allowed = re.findall(r"(?m)^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"))
    copied = {path.strip("/") for path in re.findall(r"(?m)^COPY (?!--from)(\S+)", DOCKERFILE)}

    assert {path for path in copied if not path.endswith(".lock")} | {"deploy/locks"} == set(allowed)


def test_every_file_of_kubernetes_and_compose_can_be_read() -> None:
    for path in [ROOT / "compose.yaml", *(ROOT / "deploy").rglob("*.y*ml")]:
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path


def test_each_image_that_is_pulled_has_a_stand_in_but_for_grafana() -> None:
    """tests/containers/engine.sh builds them if there is no registry; Debian has no package of Grafana."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"].values()
    pulled = {service["image"] for service in compose if "build" not in service}
    pulled |= set(re.findall(r"(?m)^FROM (\S+:\S+)", DOCKERFILE))
    standins = (ROOT / "tests" / "containers" / "standins" / "Dockerfile").read_text(encoding="utf-8")

    names = {image.split(":")[0].split("/")[-1] for image in pulled}
    assert names - {"grafana"} == set(re.findall(r"(?m)^FROM \S+ AS (\S+)$", standins)) - {"packages"}
