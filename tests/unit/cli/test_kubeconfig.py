"""`ecp kubeconfig`: whose certificate kubectl trusts."""

import base64
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.__main__ import app

CERTIFICATE = "SIMULATOR_TLS_CERTIFICATE_FILE"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the simulator makes at its start."""
    (tmp_path / "ca.crt").write_text("its own")
    (tmp_path / "admin.token").write_text("secret\n")
    return tmp_path


def trusted(output: str) -> set[str]:
    clusters = yaml.safe_load(output)["clusters"]
    return {base64.b64decode(each["cluster"]["certificate-authority-data"]).decode() for each in clusters}


def test_kubectl_trusts_the_simulator_s_authority(folder: Path) -> None:
    result = CliRunner().invoke(app, ["kubeconfig", "--directory", str(folder)], env={CERTIFICATE: ""})
    assert result.exit_code == 0
    assert trusted(result.output) == {"its own"}


def test_with_a_certificate_of_another_authority_it_must_be_given(folder: Path) -> None:
    other = folder / "company.pem"
    other.write_text("the company's")
    environment = {CERTIFICATE: "/tls/tls.crt", "TERMINAL_WIDTH": "400"}
    asked = ["kubeconfig", "--directory", str(folder)]
    refused = CliRunner().invoke(app, asked, env=environment)
    assert refused.exit_code == 2
    assert "--authority" in refused.output and "secret" not in refused.output
    given = CliRunner().invoke(app, [*asked, "--authority", str(other)], env=environment)
    assert trusted(given.output) == {"the company's"}
