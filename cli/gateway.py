"""Calls of `ecp` to the gateway: its address, the key, and errors as sentences.

The key or token comes from the environment or a file, never from an option: options are in process lists and histories.
"""

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import typer
from rich.console import Console

errors = Console(stderr=True, markup=False, emoji=False)
DEFAULT_URL = "http://127.0.0.1:8001"
_TIMEOUT = 60.0
"""Seconds: the longest call sizes several times, and waits for a worker that reads a whole namespace."""
_LONGEST_KEY = 16 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The gateway has none below `/api`, and urllib would send the key to wherever one leads."""

    def redirect_request(self, *_: Any) -> None:
        """Leave the answer as it is."""


_OPENER = urllib.request.build_opener(_NoRedirects)


def call(method: str, path: str, body: Any = None, *, demo: bool, url: str | None) -> tuple[int, Any]:
    """The status and the JSON of an answer; None without one. Ends the command if the gateway can't be reached."""
    base = _base(url)
    headers = {"Content-Type": "application/json", "X-Demo-Mode": str(demo).lower(), **_authorization()}
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base}{path}", content, headers, method=method)  # noqa: S310 - checked by _base
    try:
        with _OPENER.open(request, timeout=_TIMEOUT) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        try:
            return error.code, json.load(error)
        except ValueError:
            return error.code, {"error": {"message": f"{error.code} {error.reason}"}}
    except (OSError, ValueError, http.client.HTTPException) as error:
        errors.print(printable(f"The gateway at {base} can't be reached: {_why(error)}. Set ECP_URL or --url."))
        raise typer.Exit(1) from error


@contextmanager
def streamed(path: str, *, demo: bool, url: str | None) -> Iterator[IO[bytes]]:
    """The body of an answer to a GET, as it arrives. Raises OSError, or ValueError with the reason of an error."""
    headers = {"X-Demo-Mode": str(demo).lower(), **_authorization()}
    request = urllib.request.Request(f"{_base(url)}{path}", headers=headers)  # noqa: S310 - checked by _base
    try:
        with _OPENER.open(request, timeout=_TIMEOUT) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        try:
            refused = json.load(error)
        except ValueError:
            refused = {"error": {"message": f"{error.code} {error.reason}"}}
        raise ValueError(reason(refused)) from error
    except http.client.HTTPException as error:
        # Also raised by the reader of the answer, whose code is the body of this context.
        raise OSError(_why(error)) from error


def reason(answer: Any) -> str:
    """The sentence of an error, with a line for each field."""
    error = (answer or {}).get("error") or {}
    details = error.get("details") or {}
    lines = [str(error.get("message"))]
    lines += [f"  {each.get('field')}: {each.get('message')}" for each in details.get("errors") or ()]
    return printable("\n".join(lines))


def _why(error: Exception) -> str:
    """The reason; some of http.client's errors are the bytes that it didn't understand."""
    if isinstance(error, http.client.IncompleteRead):
        return "its answer ends too early"
    if isinstance(error, http.client.HTTPException):
        return "what answers there doesn't speak HTTP (is it https:// instead of http://?)"
    return str(error)


def _base(url: str | None) -> str:
    base = (url or os.environ.get("ECP_URL") or DEFAULT_URL).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{base} is not an address: write http://host:port")
    return base


def printable(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)


def _authorization() -> dict[str, str]:
    """The header with ECP_TOKEN, or with the content of the file ECP_TOKEN_FILE; empty without either."""
    key = os.environ.get("ECP_TOKEN", "").strip()
    if not key and (file := os.environ.get("ECP_TOKEN_FILE")):
        key = _key_in(Path(file))
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        # Not shown: what it is may be a secret all the same.
        errors.print("ECP_TOKEN can't be used: it has spaces, or characters that no key has.")
        raise typer.Exit(1)
    return {"Authorization": f"Bearer {key}"} if key else {}


def _key_in(file: Path) -> str:
    try:
        with file.open(encoding="ascii") as text:
            return text.read(_LONGEST_KEY).strip()
    except (OSError, ValueError) as error:
        reason_of_it = error.strerror if isinstance(error, OSError) else "it has characters that no key has"
        errors.print(f"ECP_TOKEN_FILE={file} can't be read: {reason_of_it}")
        raise typer.Exit(1) from error
