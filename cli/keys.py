"""`ecp keys`: the API keys of machines, over REST by an administrator's key, and the first of these at the database."""

import importlib.util
import json
import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Column, Table

from cli.gateway import call, errors, printable, reason

app = typer.Typer(
    no_args_is_help=True,
    help="API keys for machines: create, list, rotate, revoke. Calls with the key in ECP_TOKEN or ECP_TOKEN_FILE.",
)
console = Console(markup=False, emoji=False)
_PATH = "/api/v1/keys"
Demo = Annotated[bool, typer.Option("--demo/--production", help="Which of the two modes the keys are of.")]
Url = Annotated[str | None, typer.Option(help="The gateway; by default $ECP_URL.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole answer.")]
KeyId = Annotated[str, typer.Argument(help="The id, as `ecp keys list` shows it.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What uses it, for example ci.")],
    *,
    role: Annotated[str, typer.Option(help="viewer, operator, tenant_admin or admin")] = "viewer",
    tenants: Annotated[
        list[str] | None, typer.Option("--tenant", help="A tenant that it may see, or * for all; repeatable.")
    ] = None,
    days: Annotated[int, typer.Option(help="Days until it ends, 1 to 3650.")] = 365,
    first: Annotated[
        bool, typer.Option("--first", help="The first administrator's key, made at the database of `make run`.")
    ] = False,
    demo: Demo = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it. It is shown this once."""
    if first:
        _make_first(name, days, demo=demo)
    body = {"name": name, "role": role, "expires_in_days": days}
    answer = _call("POST", _PATH, body | ({"tenants": tenants} if tenants else {}), demo=demo, url=url)
    _show_secret(answer, as_json=as_json)


@app.command("list")
def list_keys(demo: Demo = False, url: Url = None, as_json: AsJson = False) -> None:
    """All keys, without what proves them."""
    keys = _call("GET", _PATH, demo=demo, url=url)
    if as_json:
        console.print_json(json.dumps(keys, ensure_ascii=False))
    elif not keys:
        console.print("There are no API keys in this mode.")
    else:
        columns = (Column(each, overflow="fold") for each in ("name", "role, tenants", "until", "last used"))
        table = Table("id", *columns)
        for each in keys:
            scope = f"{each['role']}: {', '.join(each['tenants'])}"
            cells = (each["id"], each["name"], scope, _day(each["expires_at"]), _day(each["last_used_at"]) or "never")
            table.add_row(*map(printable, cells))
        console.print(table)


@app.command()
def rotate(
    key_id: KeyId,
    *,
    overlap: Annotated[int, typer.Option(help="Minutes that the previous secret stays valid; 0 after a leak.")] = 60,
    demo: Demo = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Give a key another secret and print it."""
    path = f"{_PATH}/{_checked(key_id)}/rotate"
    _show_secret(_call("POST", path, {"overlap_minutes": overlap}, demo=demo, url=url), as_json=as_json)


@app.command()
def revoke(key_id: KeyId, demo: Demo = False, url: Url = None) -> None:
    """End a key, within seconds everywhere."""
    _call("DELETE", f"{_PATH}/{_checked(key_id)}", demo=demo, url=url)
    console.print(f"{key_id}: revoked")


def _call(method: str, path: str, body: Any = None, *, demo: bool, url: str | None) -> Any:
    status, answer = call(method, path, body, demo=demo, url=url)
    if status >= 300:
        errors.print(reason(answer))
        raise typer.Exit(1)
    return answer


def _checked(key_id: str) -> str:
    if not (key_id.isascii() and key_id.isalnum()):
        raise typer.BadParameter(f"{printable(key_id)[:50]} is no id of a key; `ecp keys list` shows them")
    return key_id


def _show_secret(answer: Any, *, as_json: bool) -> None:
    """The key alone goes to standard output, so that `> file` has nothing else."""
    if as_json:
        console.print_json(json.dumps(answer, ensure_ascii=False))
        return
    sys.stdout.write(f"{printable(answer['key'])}\n")
    errors.print(f"Key {answer['id']} ({answer['name']}) until {_day(answer['expires_at'])}; it is shown this once.")


def _day(time: str | None) -> str:
    return (time or "")[:16].replace("T", " ")


def _make_first(name: str, days: int, *, demo: bool) -> NoReturn:
    if importlib.util.find_spec("embedded") is None:
        errors.print("In containers: docker compose exec backend python -m services.gateway.keys")
        raise typer.Exit(1)
    arguments = ["first-key", "--name", name, "--days", str(days), *(["--demo"] if demo else [])]
    # To become the command is the purpose.
    os.execv(sys.executable, [sys.executable, "-m", "embedded", *arguments])  # noqa: S606
