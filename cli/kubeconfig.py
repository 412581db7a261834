"""`ecp kubeconfig`: how kubectl reaches the simulator by HTTPS, with the simulator's certificate and its token."""

import base64
import os
from pathlib import Path
from typing import Annotated

import typer

_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- name: ecp
  cluster: {{server: "{server}/clusters/default", certificate-authority-data: {authority}}}
- name: ecp-demo
  cluster: {{server: "{server}/clusters/demo", certificate-authority-data: {authority}}}
users:
- name: ecp-admin
  user: {{token: "{token}"}}
contexts:
- name: ecp
  context: {{cluster: ecp, user: ecp-admin}}
- name: ecp-demo
  context: {{cluster: ecp-demo, user: ecp-admin}}
current-context: {context}
"""


def kubeconfig(
    *,
    demo: Annotated[bool, typer.Option("--demo/--production", help="Which cluster kubectl uses by default.")] = False,
    server: Annotated[
        str | None, typer.Option(help="The simulator; by default https://127.0.0.1 and $SIMULATOR_HTTPS_PORT or 6361.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(help="Its SIMULATOR_STATE_DIRECTORY; by default the one of `make run`, in $ECP_DATA_DIR or .ecp."),
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(
            help="PEM file with the authority of $SIMULATOR_TLS_CERTIFICATE_FILE; by default the simulator's."
        ),
    ] = None,
) -> None:
    """Print a kubeconfig for the simulator's HTTPS port. It has a token: `ecp kubeconfig > FILE` with umask 077."""
    folder = directory or _folder()
    url = server or f"https://127.0.0.1:{os.environ.get('SIMULATOR_HTTPS_PORT') or 6361}"
    if not url.startswith("https://"):
        raise typer.BadParameter(f"{url} is no HTTPS address: write https://host:port")
    if authority is None and os.environ.get("SIMULATOR_TLS_CERTIFICATE_FILE"):
        message = "SIMULATOR_TLS_CERTIFICATE_FILE is set, so kubectl needs the authority of that certificate"
        raise typer.BadParameter(f"{message}: give its PEM file by --authority")
    try:
        trusted = base64.b64encode((authority or folder / "ca.crt").read_bytes()).decode()
        token = (folder / "admin.token").read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{error.filename} can't be read: {error.strerror}. Has the simulator run with this folder?"
        typer.echo(f"{message} See --directory.", err=True)
        raise typer.Exit(1) from error
    context = "ecp-demo" if demo else "ecp"
    typer.echo(_KUBECONFIG.format(server=url.rstrip("/"), authority=trusted, token=token, context=context), nl=False)


def _folder() -> Path:
    given = os.environ.get("SIMULATOR_STATE_DIRECTORY")
    return Path(given) if given else Path(os.environ.get("ECP_DATA_DIR") or ".ecp") / "simulator"
