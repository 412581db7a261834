"""The rules of an OpenAPI document of ours, beyond the standard's own. Pure; a test checks both documents.

Each problem is a sentence that names the operation and what to add where.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

JsonObject = Mapping[str, Any]
_ID = re.compile(r"[a-z]+([A-Z][a-z]+)+")
_LONGEST_ID = 40
_LONGEST_SUMMARY = 60
_SUCCESS = range(200, 300)


@dataclass(frozen=True)
class Operation:
    """One operation of a document."""

    method: str
    path: str
    spec: JsonObject
    document: JsonObject

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def parameters(self) -> list[JsonObject]:
        """Without references."""
        return [resolved(self.document, each) for each in self.spec.get("parameters", ())]

    @property
    def body(self) -> JsonObject | None:
        """The schema of its JSON body, or None."""
        media = self.spec.get("requestBody", {}).get("content", {}).get("application/json")
        return None if media is None else media["schema"]

    @property
    def body_examples(self) -> list[Any]:
        """Those of the body's model; of a choice, those of each alternative."""
        return [] if self.body is None else list(_examples(self.document, self.body))

    @property
    def success(self) -> int:
        """The status of an answer to a valid request."""
        return min(int(status) for status in self.spec["responses"] if int(status) in _SUCCESS)

    def codes(self, status: int) -> set[str]:
        """The error codes that it lists for a status."""
        response = self.spec["responses"].get(str(status), {})
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        return {code for part in schema.get("allOf", ()) for code in _listed(part)}


def operations(document: JsonObject) -> list[Operation]:
    """All operations of a document."""
    return [
        Operation(method, path, spec, document)
        for path, methods in document["paths"].items()
        for method, spec in methods.items()
    ]


def resolved(document: JsonObject, schema: JsonObject) -> JsonObject:
    """`schema`, or what it refers to."""
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def problems(document: JsonObject) -> list[str]:
    """Every violation of a rule."""
    described = {tag["name"] for tag in document.get("tags", ()) if tag.get("description")}
    ids = Counter(each.spec.get("operationId", "") for each in operations(document))
    found: list[str] = []
    for each in operations(document):
        found += [f"{each}: {problem}" for problem in _of_operation(each, described, ids)]
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object" and not schema.get("description"):
            found.append(f"the model {name} has no docstring: tell what it is")
    return found


def _of_operation(operation: Operation, tags: set[str], ids: Counter[str]) -> Iterator[str]:
    yield from _naming(operation, tags, ids)
    yield from _parameters(operation)
    yield from _body(operation)
    yield from _answers(operation)


def _naming(operation: Operation, tags: set[str], ids: Counter[str]) -> Iterator[str]:
    spec = operation.spec
    name = spec.get("operationId", "")
    if not _ID.fullmatch(name) or len(name) > _LONGEST_ID:
        yield f"the operation id {name!r} is not a verb and an object in lowerCamelCase; name the route's function so"
    if ids[name] > 1:
        yield f"the operation id {name} is used {ids[name]} times; rename the route's function"
    if len(spec.get("tags", ())) != 1:
        yield "it needs exactly one tag, that of its feature"
    for tag in set(spec.get("tags", ())) - tags:
        yield f"the tag {tag!r} has no description; add a sentence to the table of tags"
    summary = spec.get("summary", "")
    if not summary or len(summary) > _LONGEST_SUMMARY or summary.endswith("."):
        yield f"the summary {summary!r} must have 1 to {_LONGEST_SUMMARY} characters and no full stop"
    if not spec.get("description"):
        yield "it has no description; write a docstring for the route's function"


def _parameters(operation: Operation) -> Iterator[str]:
    for parameter in operation.parameters:
        name, schema = parameter["name"], resolved(operation.document, parameter["schema"])
        if not parameter.get("description"):
            yield f"the parameter {name} has no description"
        if parameter["in"] == "path" and not (parameter.get("example") or schema.get("examples")):
            yield f"the parameter {name} of the path has no example"
        yield from (f"the parameter {name} {problem}" for problem in _unbounded(operation.document, schema, ""))


def _body(operation: Operation) -> Iterator[str]:
    if operation.body is None:
        return
    if not operation.body_examples:
        yield "the body has no example; add json_schema_extra={'examples': [...]} to its model"
    yield from (f"the body's field {problem}" for problem in _unbounded(operation.document, operation.body, ""))


def _unbounded(document: JsonObject, schema: JsonObject, place: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """What a request may contain without a limit, with its place."""
    reference = schema.get("$ref", "")
    if reference in seen:
        return
    seen = (*seen, reference) if reference else seen
    schema = resolved(document, schema)
    kinds = schema.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if "enum" not in schema and "const" not in schema:
        if "string" in kinds and not schema.keys() & {"maxLength", "pattern", "format"}:
            yield f"{place} has neither maxLength nor pattern".lstrip()
        least, most = schema.keys() & {"minimum", "exclusiveMinimum"}, schema.keys() & {"maximum", "exclusiveMaximum"}
        if "integer" in kinds and not (least and most):
            yield f"{place} is a whole number without a smallest or a largest value".lstrip()
        if kinds and "string" not in kinds and "maxLength" in schema:
            yield f"{place} is no text, but has maxLength: put its limit before its validators".lstrip()
        if "array" in kinds and "maxItems" not in schema:
            yield f"{place} is a list without maxItems".lstrip()
    for name, each in schema.get("properties", {}).items():
        yield from _unbounded(document, each, f"{place}.{name}".lstrip("."), seen)
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _unbounded(document, each, place, seen)
    inside = [schema.get("items"), schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]
    for each in inside:
        if isinstance(each, Mapping):
            yield from _unbounded(document, each, f"{place}[]", seen)


def _answers(operation: Operation) -> Iterator[str]:
    responses = operation.spec["responses"]
    for status, response in responses.items():
        if not response.get("description"):
            yield f"the answer {status} has no description"
        for media_type, media in response.get("content", {}).items():
            if not media.get("schema") and int(status) in _SUCCESS:
                yield f"the answer {status} has no schema for {media_type}; give the route a model as its return type"
        if int(status) >= 400 and operation.path.startswith("/api/") and not operation.codes(int(status)):
            yield f"the answer {status} lists no error codes; use answers(...)"
    if not any(int(status) in _SUCCESS for status in responses):
        yield "it has no answer for success"


def _listed(part: JsonObject) -> list[str]:
    code = part.get("properties", {}).get("error", {}).get("properties", {}).get("code", {})
    listed: list[str] = code.get("enum", [])
    return listed


def _examples(document: JsonObject, schema: JsonObject) -> Iterator[Any]:
    found = resolved(document, schema)
    yield from found.get("examples", ())
    for each in (*found.get("anyOf", ()), *found.get("oneOf", ())):
        yield from _examples(document, each)
