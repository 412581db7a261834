"""Reads the files that a run keeps for the next one. Whatever is wrong with one is a sentence for the terminal."""

import json
from pathlib import Path
from typing import Any

from embedded.errors import EmbeddedError


def read_kept(file: Path, remedy: str) -> dict[str, Any]:
    """The JSON object in `file`; empty if there is no file.

    Raises EmbeddedError, which ends with `remedy`, if it is a folder, can't be read, or is broken.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except IsADirectoryError:
        raise EmbeddedError(f"{file} is a folder, where a file belongs. Move it away; {remedy}") from None
    except OSError as error:
        raise EmbeddedError(f"{file} can't be read: {error.strerror}. Correct that; {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise EmbeddedError(f"{file} is broken: {error}. {remedy[:1].upper()}{remedy[1:]}") from error
    if not isinstance(found, dict):
        raise EmbeddedError(f"{file} is broken: it has no JSON object. {remedy[:1].upper()}{remedy[1:]}")
    return found


def texts_in(found: dict[str, Any], file: Path, remedy: str) -> dict[str, str]:
    """`found`, whose values must be texts. Raises EmbeddedError otherwise."""
    wrong = [name for name, value in found.items() if not (isinstance(value, str) and value)]
    if wrong:
        names = ", ".join(wrong[:3])
        raise EmbeddedError(f"{file} is broken: {names} isn't a password. {remedy[:1].upper()}{remedy[1:]}")
    return found
