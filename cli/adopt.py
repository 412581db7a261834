"""`ecp adopt`: an existing call centre becomes a tenant. By default it only shows what would be done."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.gateway import call, errors, printable, reason

console = Console(markup=False, emoji=False)
_SHOWN = 20
"""Changes that are shown of each list; `--json` has all."""


def adopt(
    namespace: Annotated[str, typer.Argument(help="ecp-ai-<tenant id>")],
    *,
    sessions: Annotated[
        list[str] | None,
        typer.Option("--sessions", help="Concurrent sessions of a service, as callbot=50; repeatable."),
    ] = None,
    target: Annotated[str | None, typer.Option(help="simulator or kubernetes")] = None,
    name: Annotated[str | None, typer.Option(help="The tenant's name; its id by default.")] = None,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Replace labels of another tenant or tool.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Adopt it, instead of showing what would be done.")] = False,
    demo: Annotated[bool, typer.Option("--demo/--production", help="Which of the two modes.")] = False,
    url: Annotated[str | None, typer.Option(help="The gateway; by default $ECP_URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole answer.")] = False,
) -> None:
    """Adopt an existing call centre in NAMESPACE: show the diff, or with --yes make it a tenant. No pod restarts."""
    body: dict[str, Any] = {"namespace": namespace, "dry_run": not yes}
    body |= {"service_requirements": _requirements(sessions)} if sessions else {}
    body |= {key: value for key, value in (("target", target), ("name", name)) if value}
    body |= {"options": {"force_conflicts": True}} if force_conflicts else {}
    status, answer = call("POST", "/api/v1/tenants/adopt", body, demo=demo, url=url)
    if as_json:
        console.print_json(json.dumps(answer, ensure_ascii=False))
    elif status < 300:
        _show(answer)
    if status >= 300:
        if not as_json:
            errors.print(reason(answer))
        raise typer.Exit(1)


def _requirements(sessions: list[str]) -> dict[str, int]:
    pairs = [each.partition("=") for each in sessions]
    if wrong := [service for service, _, count in pairs if not service or not count.isdecimal()]:
        raise typer.BadParameter(f"{wrong[0] or 'a service'}: write SERVICE=NUMBER, as callbot=50")
    return {service: int(count) for service, _, count in pairs}


def _show(answer: dict[str, Any]) -> None:
    console.print(f"Namespace {answer['namespace']} on {answer['target']}: tenant {answer['tenant_id']}")
    asked = ", ".join(f"{service} {count}" for service, count in answer["service_requirements"].items())
    console.print(f"Sessions{' (estimated)' if answer['is_estimated'] else ''}: {asked}")
    _list("Adopted, unchanged but for labels", answer["adopted"])
    _list("Left alone", [f"{each['object']}: {each['reason']}" for each in answer["left_alone"]])
    _list("Conflicts", answer["conflicts"])
    _list("Kept as service_options", [f"{name}: {_given(each)}" for name, each in answer["service_options"].items()])
    changes = answer["next_deployment"]["changes"]
    _list("The next deployment would change", [_change(each) for each in changes])
    _list("The next deployment would restart", answer["restarts"])
    _list("Notes", answer["notes"])
    if answer["dry_run"]:
        console.print("Nothing was changed. Adopt it with --yes.")
    else:
        console.print(f"Requested: GET /api/v1/tenants/{answer['tenant_id']}/deployment-status has its progress.")


def _list(title: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(f"{title} ({len(lines)}):")
    for line in lines[:_SHOWN]:
        console.print(f"  {printable(line)}")
    if len(lines) > _SHOWN:
        console.print(f"  and {len(lines) - _SHOWN} more")


def _change(change: dict[str, Any]) -> str:
    fields = [f"{each['path']}: {each['old']} -> {each['new']}" for each in change["fields"]]
    return f"{change['change']} {change['kind']} {change['name']}" + (f" ({'; '.join(fields[:3])})" if fields else "")


def _given(options: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in options.items() if value}, ensure_ascii=False)
