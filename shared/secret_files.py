"""Secrets from files: `NAME_FILE` is the path of a file with the value of `NAME`, as Docker and Kubernetes mount them.

A setting that isn't shown (`repr=False`) is a secret, and can be given either way, but not both. `latest` reads its
file again, so that a rotated password needs no restart where a connection asks for it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

_log = structlog.get_logger(__name__)
_SUFFIX = "_FILE"
_MOST_BYTES = 64 * 1024


class SecretFiles(PydanticBaseSettingsSource):
    """A source of settings beside the environment. Raises ValueError, which names the variable and not the value."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value, the key that the model knows it by, and whether it is complex, which no secret is."""
        key = field.validation_alias if isinstance(field.validation_alias, str) else field_name
        file = _file_of(field, field_name)
        return None if file is None else _read(*file), key, False

    def __call__(self) -> dict[str, Any]:
        found = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {key: value for value, key, _ in found if value is not None}


def latest(settings: BaseSettings, name: str) -> str:
    """A secret of `settings` as its file is now; as it was at the start if it has no file, or that can't be read."""
    value: str = getattr(settings, name)
    try:
        file = _file_of(type(settings).model_fields[name], name)
        return value if file is None else _read(*file)
    except ValueError as error:
        _log.warning(f"The secret of the start stays in use: {error}", action="secret-unreadable", setting=name)
        return value


def variables(field: FieldInfo, name: str) -> Iterator[str]:
    """The environment's names of a setting."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        yield from (each for each in alias.choices if isinstance(each, str))
    else:
        yield alias if isinstance(alias, str) else name.upper()


def _file_of(field: FieldInfo, name: str) -> tuple[str, Path] | None:
    """The variable that names the file of a secret, and the file; None without one. Raises ValueError."""
    if field.repr:
        return None
    for variable in variables(field, name):
        path = os.environ.get(variable + _SUFFIX)
        if path and os.environ.get(variable):
            raise ValueError(f"{variable} and {variable}{_SUFFIX} are both set; set one of them")
        if path:
            return variable + _SUFFIX, Path(path)
    return None


def _read(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        text = content.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it isn't UTF-8"
        raise ValueError(f"{variable}: {path} can't be read: {why}") from None
    if not text or len(content) > _MOST_BYTES:
        raise ValueError(f"{variable}: {path} is {'empty' if not text else 'larger than 64 KiB'}")
    return text
