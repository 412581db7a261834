"""The table of findings, `codes.yaml`: their English texts are maintained together, apart from the checks."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Literal

import yaml

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding, with texts for `str.format_map`. `lenient` is the severity without `strict_validation`."""

    severity: Severity
    message: str
    advice: str
    lenient: Severity | None = None


def _load() -> dict[str, Code]:
    text = files("services.manifest.validation").joinpath("codes.yaml").read_text(encoding="utf-8")
    return {name: Code(**fields) for name, fields in yaml.load(text, Loader=yaml.CSafeLoader).items()}


CODES: Final[dict[str, Code]] = _load()
