"""What breaks clients between two OpenAPI documents. Pure."""

import re
from collections.abc import Iterator

from tools.api_changes.schemas import Comparison
from tools.openapi_rules import JsonObject, Operation, operations, resolved

_SUCCESS = range(200, 400)


def breaking_changes(old: JsonObject, new: JsonObject) -> list[str]:
    """A sentence for each change that breaks a client of `old`, in the order of its operations."""
    now = {_key(each): each for each in operations(new)}
    found: list[str] = []
    for operation in operations(old):
        present = now.get(_key(operation))
        if present is None:
            found.append(f"{operation} is gone")
        else:
            found += [f"{operation}: {problem}" for problem in _changes(operation, present)]
    return found


def permits_breaking(base: str, version: str) -> bool:
    """Whether semantic versioning allows breaking changes from `base` to `version`: a higher major, or minor of 0."""
    (major, minor, _), (now, now_minor, _) = _numbers(base), _numbers(version)
    return now > major or (now == major == 0 and now_minor > minor)


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


def _key(operation: Operation) -> tuple[str, str]:
    """Names of a path's parameters are no part of it."""
    return operation.method, re.sub(r"\{\w+\}", "{}", operation.path)


def _changes(old: Operation, new: Operation) -> Iterator[str]:
    before, now = old.spec.get("operationId"), new.spec.get("operationId")
    if before != now:
        yield f"the operation id {before} is {now} now"
    yield from _parameters(old, new)
    yield from _body(old, new)
    yield from _answers(old, new)


def _parameters(old: Operation, new: Operation) -> Iterator[str]:
    before, now = _by_name(old), _by_name(new)
    for key, parameter in before.items():
        if key not in now:
            yield f"the parameter {parameter['name']} is gone"
            continue
        comparison = Comparison(old.document, new.document, "request")
        place = f"the parameter {parameter['name']}"
        yield from comparison.problems(_without_null(parameter["schema"]), now[key]["schema"], place)
    for key, parameter in now.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"the parameter {parameter['name']} is required now"


def _by_name(operation: Operation) -> dict[tuple[str, str], JsonObject]:
    """Those of a path by their place in it, others by their name; a header's has no case."""
    in_path = re.findall(r"\{(\w+)\}", operation.path)
    found = {}
    for each in operation.parameters:
        name = str(in_path.index(each["name"])) if each["in"] == "path" else each["name"]
        found[each["in"], name.lower() if each["in"] == "header" else name] = each
    return found


def _without_null(schema: JsonObject) -> JsonObject:
    """Null can't be sent outside of a body, though some documents list it."""
    others = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return {"anyOf": others} if others else schema


def _body(old: Operation, new: Operation) -> Iterator[str]:
    before, now = old.spec.get("requestBody"), new.spec.get("requestBody")
    if now is not None and now.get("required") and not (before or {}).get("required"):
        yield "a body is required now"
    if before is None:
        return
    if now is None:
        yield "it no longer accepts a body"
        return
    yield from _contents(old, new, before, now, "the body")


def _answers(old: Operation, new: Operation) -> Iterator[str]:
    for status, before in old.spec["responses"].items():
        if not status.isdigit() or int(status) not in _SUCCESS:
            continue
        now = new.spec["responses"].get(status)
        if now is None:
            yield f"it no longer answers {status}"
        else:
            yield from _contents(old, new, before, now, f"the answer {status}")


def _contents(old: Operation, new: Operation, before: JsonObject, now: JsonObject, place: str) -> Iterator[str]:
    contents = resolved(new.document, now).get("content", {})
    comparison = Comparison(old.document, new.document, "request" if place == "the body" else "answer")
    for media_type, media in resolved(old.document, before).get("content", {}).items():
        if media_type not in contents:
            yield f"{place} is no longer {media_type}"
        elif media.get("schema"):
            yield from comparison.problems(media["schema"], contents[media_type].get("schema", {}), place)
