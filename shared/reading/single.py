"""YAML where the caller needs values, and a text with a problem is of no use to it.

Other than the validator, which lists all problems, these stop at the first one. What Kubernetes' reader accepts (a
number as a key, an unknown tag) is accepted here too.
"""

from typing import Any, Final

from shared.reading.json_text import refuse_unusable
from shared.reading.problems import InvalidText
from shared.reading.yaml_text import Problem, YamlText, read

_ACCEPTED: Final = frozenset({"KEY_NOT_A_STRING", "TAG_REFUSED"})
"""As Kubernetes does it: the key becomes text, the tag is ignored."""
_NOT_FINITE: Final = "VALUE_UNUSABLE"


def parse_yaml(text: str | bytes, *, finite: bool = True) -> Any:
    """The value of a text with one document; None for an empty text. Raises InvalidText, for NaN only if `finite`."""
    documents = parse_documents(text, finite=finite)
    if len(documents) > 1:
        raise InvalidText(f"expected a single document in the stream, but found {len(documents)}")
    return documents[0] if documents else None


def parse_documents(text: str | bytes, *, finite: bool = True) -> list[Any]:
    """The values of all documents. Raises InvalidText."""
    values = [document.value for document in _checked(read(text), finite).documents]
    refuse_unusable(values)
    return values


def _checked(reading: YamlText, finite: bool) -> YamlText:
    for problem in reading.problems:
        if problem.code not in _ACCEPTED and (finite or problem.code != _NOT_FINITE):
            raise InvalidText(_sentence(problem))
    return reading


def _sentence(problem: Problem) -> str:
    reason = problem.code.lower().replace("_", " ")
    details = ", ".join(f"{name} {value}" for name, value in problem.details.items())
    return f"line {problem.line}, column {problem.column}: {reason}{f' ({details})' if details else ''}"
