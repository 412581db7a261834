"""Reads the catalogue's files, once a process and directory."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.catalog.model import Catalog
from shared.catalog.settings import CatalogSettings
from shared.errors import PermanentError
from shared.reading import InvalidText
from shared.reading.single import parse_yaml

_PACKAGED = Path(__file__).parent


class CatalogInvalid(PermanentError):
    """The catalogue can't be used; the message names the file, the field and what is wrong."""

    code = "CATALOG_INVALID"


def load_catalog(path: Path | None = None) -> Catalog:
    """The catalogue of `path`, else of `CATALOG_PATH`, else the packaged one, which also stands in for missing files.

    Raises CatalogInvalid. It is read once for each directory: later changes aren't seen.
    """
    return _load(path or CatalogSettings().catalog_path or _PACKAGED)


@cache
def _load(directory: Path) -> Catalog:
    if not directory.is_dir():
        raise CatalogInvalid(f"CATALOG_PATH: {directory} is not a directory")
    fields: dict[str, Any] = {
        **_read(directory, "services"),
        **_read(directory, "gpus"),
        **_read(directory, "presets"),
        "quality": _read(directory, "quality"),
        "prices": _read(directory, "prices"),
    }
    try:
        return Catalog.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(map(_problem, error.errors()))
        raise CatalogInvalid(f"The catalogue in {directory} is not usable: {problems}") from error


def _problem(error: Mapping[str, Any]) -> str:
    """Where, and what: `prices.krw_per_usd.value: Input should be greater than 0`."""
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(map(str, error['loc']))}: {message}" if error["loc"] else message


def _read(directory: Path, name: str) -> dict[str, Any]:
    """The fields of one file, without `sources`: those are anchors, which its figures already include."""
    own = directory / f"{name}.yaml"
    file = own if own.is_file() else _PACKAGED / own.name
    try:
        # A value that is no number is named by the model, with its field.
        content = parse_yaml(file.read_bytes(), finite=False)
    except (OSError, InvalidText) as error:
        raise CatalogInvalid(f"{file} can't be read: {error}") from error
    if not isinstance(content, dict):
        raise CatalogInvalid(f"{file} must be a mapping")
    return {key: value for key, value in content.items() if key != "sources"}
