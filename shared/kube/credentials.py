"""Tokens for an API server from files that may change: the client asks for the token before each request.

The client itself reads again only the token of a pod's service account, and a kubeconfig just once.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import yaml
from kubernetes.aio.client import Configuration

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 5.0
KEY = "BearerToken"


def refresh_token(configuration: Configuration, read: Callable[[], str | None]) -> None:
    """Have the client use the token that `read` returns now; at most every few seconds it is read again.

    `read` raises OSError or ValueError, after which the previous token stays in use.
    """
    read_at = -_AGAIN_SECONDS

    def refresh(current: Configuration) -> None:
        nonlocal read_at
        if (now := time.monotonic()) - read_at < _AGAIN_SECONDS:
            return
        read_at = now
        try:
            token = read()
        except (OSError, ValueError) as error:
            _log.warning(f"The old token stays in use: {error}", action="token-unreadable")
        else:
            if token:
                current.api_key[KEY] = f"Bearer {token}"

    refresh(configuration)
    configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]


def token_in(file: Path) -> str:
    """The token in a file of its own. Raises OSError, or ValueError for an empty file."""
    token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise ValueError(f"{file} is empty")
    return token


def token_of_kubeconfig(kubeconfig: Path) -> str | None:
    """The token of the current context's user, from its `tokenFile` if it has one; None for other credentials.

    Raises OSError, or ValueError for a file that is no kubeconfig.
    """
    try:
        content: Any = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        context = _named(content["contexts"], content["current-context"])["context"]
        user = _named(content["users"], context["user"])["user"] or {}
    except (yaml.YAMLError, KeyError, TypeError, StopIteration) as error:
        raise ValueError(f"{kubeconfig} is no kubeconfig with a current context") from error
    if file := user.get("tokenFile"):
        return token_in(kubeconfig.parent / file)
    return user.get("token")


def _named(entries: Any, name: str) -> Any:
    return next(each for each in entries if each["name"] == name)
