"""`ecp audit verify`: whether the audit trail is as it was recorded, computed here and not by its server."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer
from rich.console import Console

from cli.gateway import printable, streamed
from shared.audit.chain import MOST_PROBLEMS, ChainCheck, Head, Verdict
from shared.audit.lines import END, Line
from shared.errors import EcpError
from shared.settings import load
from shared.subjects import Mode

app = typer.Typer(no_args_is_help=True, help="The audit trail.")
console = Console(markup=False, emoji=False)
errors = Console(stderr=True, markup=False, emoji=False)
_LONGEST_LINE = 1024 * 1024
_BROKEN, _UNREADABLE = 1, 2
"""Exit codes."""
_FORMAT_PROBLEM = "this is no export of an audit trail: {reason}"


@app.callback()
def _audit() -> None:
    """The audit trail."""


@app.command()
def verify(
    *,
    file: Annotated[Path | None, typer.Option(help="An export of GET /api/v1/audit/export; - is stdin.")] = None,
    database: Annotated[bool, typer.Option("--database", help="Read DATABASE_URL or DEMO_DATABASE_URL.")] = False,
    expect: Annotated[
        list[str] | None, typer.Option(help="A head that was noted earlier, as <position>:<digest>; repeatable.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo/--production", help="Which of the two modes.")] = False,
    url: Annotated[str | None, typer.Option(help="The gateway; by default $ECP_URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check the whole chain of seals, and name the first place where a row was removed, changed, moved or inserted.

    Exit code 0: it is intact; 1: it isn't; 2: it can't be read. The key or token for the gateway is $ECP_TOKEN, or in
    the file $ECP_TOKEN_FILE.
    """
    expected = _heads(expect or [])
    mode = Mode.DEMO if demo else Mode.PRODUCTION
    try:
        verdict = asyncio.run(_check_database(mode, expected)) if database else _check_export(file, url, mode, expected)
    except ImportError as error:
        errors.print("There is no driver of PostgreSQL in this installation: use --url or --file.")
        raise typer.Exit(_UNREADABLE) from error
    except (OSError, ValueError, KeyError, TypeError, EcpError) as error:
        errors.print(printable(f"The audit trail can't be read: {error}"))
        raise typer.Exit(_UNREADABLE) from error
    _show(verdict, as_json=as_json)
    if not verdict.is_intact:
        raise typer.Exit(_BROKEN)


def _heads(texts: list[str]) -> list[Head]:
    try:
        return [Head.parse(each) for each in texts]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expect") from error


async def _check_database(mode: Mode, expected: list[Head]) -> Verdict:
    # SQLAlchemy takes half a second to import, and not every image has it.
    from shared.database import Database, DatabaseSettings  # noqa: PLC0415
    from shared.database.audit_trail import export  # noqa: PLC0415

    settings = load(DatabaseSettings)
    database = Database(mode, settings, "audit")
    try:
        lines = export(database, mode)
        check = ChainCheck(await anext(lines), expected)
        async for line in lines:
            check.add(line)
        return check.finish()
    finally:
        await database.dispose()


def _check_export(file: Path | None, url: str | None, mode: Mode, expected: list[Head]) -> Verdict:
    with _opened(file, url, mode) as source:
        lines = _lines(source)
        trail = next(lines, {})
        if trail.get("type") != "trail":
            raise ValueError(_FORMAT_PROBLEM.format(reason="its first line isn't that of a trail"))
        if trail["filtered"]:
            raise ValueError("it was exported with a filter; export it without one")
        check = ChainCheck(trail, expected)
        for line in _until_end(lines):
            check.add(line)
        return check.finish()


@contextmanager
def _opened(file: Path | None, url: str | None, mode: Mode) -> Iterator[IO[bytes]]:
    if file is not None and str(file) == "-":
        yield sys.stdin.buffer
    elif file is not None:
        with file.open("rb") as source:
            yield source
    else:
        with streamed("/api/v1/audit/export", demo=mode is Mode.DEMO, url=url) as source:
            yield source


def _lines(source: IO[bytes]) -> Iterator[Line]:
    while line := source.readline(_LONGEST_LINE):
        if not line.endswith(b"\n"):
            raise ValueError(_FORMAT_PROBLEM.format(reason="a line is cut off, or too long"))
        read: Any = orjson.loads(line)
        if not isinstance(read, dict):
            raise ValueError(_FORMAT_PROBLEM.format(reason="a line isn't an object"))
        yield read


def _until_end(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines before the last one. Raises ValueError without that one: the rest would look as if it were removed."""
    for line in lines:
        if line["type"] == END["type"]:
            return
        yield line
    raise ValueError(_FORMAT_PROBLEM.format(reason="its last line is missing, so it is cut off; export it again"))


def _show(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        console.print_json(
            data={
                "intact": verdict.is_intact,
                "sealed": verdict.sealed,
                "waiting": verdict.waiting,
                "head": verdict.head._asdict(),
                "problem_count": verdict.problem_count,
                "problems": [each._asdict() for each in verdict.problems],
            }
        )
        return
    console.print(
        f"{verdict.sealed} sealed rows, {verdict.waiting} that wait for their seal; head {verdict.head}", soft_wrap=True
    )
    if verdict.is_intact:
        console.print("The trail is intact.")
        return
    console.print(printable(f"The trail is not as it was recorded. First: {verdict.problems[0].text}"), soft_wrap=True)
    for problem in verdict.problems[1:]:
        console.print(printable(f"  then: {problem.text}"), soft_wrap=True)
    if verdict.problem_count > MOST_PROBLEMS:
        console.print(f"  and {verdict.problem_count - MOST_PROBLEMS} more")
