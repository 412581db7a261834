"""The message ids that our code emits, with the names of their parameters: read from the source."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ID_ARGUMENT = {"sentence": 0, "conflict": 0, "_refused": 1, "unauthorized": 0}
"""Functions that take a message id, and at which position; their keywords are its parameters."""
_OF_VALIDATORS = {"PydanticCustomError", "_unfit"}
_ALWAYS = {"_refused": {"tenant_id", "existing_status"}, "_unfit": {"value"}}
"""Parameters that a function adds itself."""
_RELEVANT = re.compile(rf"\b(?:{'|'.join([*_ID_ARGUMENT, *_OF_VALIDATORS, 'add'])})\(|\bmessage_id=")
"""What a file has in which an id can be found: a fifth of all, and only these are parsed."""


def emitted() -> dict[str, set[str]]:
    """All ids that stand in calls, each with its parameters; an id of several calls has those of all."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for call in _calls():
        for message_id, params in _of_call(call):
            found[message_id] |= params
    return found


def finding_params() -> dict[str, set[str]]:
    """The parameters of findings by code, from calls of `FindingCollector.add`; `""` where the code is a variable."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for call in _calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add" and call.args:
            for code in (*_constants(call.args[0]), *([""] if isinstance(call.args[0], ast.Name) else [])):
                found[code] |= _keywords(call)
    return found


def _of_call(call: ast.Call) -> Iterator[tuple[str, set[str]]]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    position = _ID_ARGUMENT.get(name)
    if position is not None and len(call.args) > position:
        for message_id in _constants(call.args[position]):
            yield message_id, _keywords(call) | _ALWAYS.get(name, set())
    if name in _OF_VALIDATORS and call.args:
        for kind in _constants(call.args[0]):
            yield f"value-{kind}", _ALWAYS.get(name, set())
    for keyword in call.keywords:
        if keyword.arg == "message_id":
            for message_id in _constants(keyword.value):
                yield message_id, _details(call)


@cache
def _calls() -> tuple[ast.Call, ...]:
    sources = (path.read_text("utf-8") for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))
    relevant = (ast.parse(source) for source in sources if _RELEVANT.search(source))
    return tuple(node for tree in relevant for node in ast.walk(tree) if isinstance(node, ast.Call))


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _keywords(call: ast.Call) -> set[str]:
    return {keyword.arg for keyword in call.keywords if keyword.arg}


def _details(call: ast.Call) -> set[str]:
    details = next((each.value for each in call.keywords if each.arg == "details"), None)
    return {name for key in details.keys if key for name in _constants(key)} if isinstance(details, ast.Dict) else set()
