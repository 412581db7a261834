"""Whether a schema still fits: a request's must accept all that it accepted, an answer's must promise all that it did.

A schema is compared as its alternatives (`anyOf`, `oneOf`, several types), each with the one of the same type that fits
best. Texts, examples and defaults don't matter. New values of an enumeration in an answer are no break: clients have to
expect them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from tools.openapi_rules import JsonObject, resolved

Direction = Literal["request", "answer"]
_LOWER_BOUNDS = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_UPPER_BOUNDS = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_ANY = "any value"


class Comparison:
    """Compares schemas of two documents in one direction."""

    def __init__(self, old: JsonObject, new: JsonObject, direction: Direction) -> None:
        self._old, self._new, self._direction = old, new, direction
        self._comparing: set[tuple[int, int]] = set()
        """The ids of the schemas that are being compared: a model may contain itself."""

    def problems(self, old: JsonObject, new: JsonObject, place: str) -> list[str]:
        """What breaks clients, as sentences that begin with the place."""
        pair = id(old), id(new)
        if pair in self._comparing:
            return []
        self._comparing.add(pair)
        found = list(self._found(old, new, place))
        self._comparing.remove(pair)
        return found

    def _found(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[str]:
        olds, news = alternatives(self._old, old), alternatives(self._new, new)
        asks = self._direction == "request"
        for each in olds if asks else news:
            yield from self._best(each, news if asks else olds, place, "no longer accepts" if asks else "can now be")

    def _best(self, one: JsonObject, others: Sequence[JsonObject], place: str, verb: str) -> list[str]:
        """The problems with the alternative of the same type that fits best."""
        fitting = [each for each in others if _kind(each) in (_kind(one), _ANY) or _is_number(one, each)]
        if not fitting:
            return [f"{place} {verb} {_kind(one)}"]
        pairs = [(one, each) if self._direction == "request" else (each, one) for each in fitting]
        return min((list(self._pair(old, new, place)) for old, new in pairs), key=len)

    def _pair(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[str]:
        if self._direction == "request":
            yield from _narrowed(old, new, place)
        yield from self._fields(old, new, place)
        for name in ("items", "additionalProperties"):
            before, now = old.get(name), new.get(name)
            if isinstance(before, Mapping) and isinstance(now, Mapping):
                yield from self.problems(before, now, f"{place}[]")

    def _fields(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        required, still = set(old.get("required", ())), set(new.get("required", ()))
        if self._direction == "request":
            yield from (f"{place} requires the field {name} now" for name in sorted(still - required))
            if new.get("additionalProperties") is False:
                yield from (f"{place} no longer accepts the field {name}" for name in before if name not in now)
                if old.get("additionalProperties") is not False:
                    yield f"{place} no longer {'ignores' if 'properties' in old else 'accepts'} unknown fields"
        else:
            yield from (f"{place} no longer has the field {name}" for name in before if name not in now)
            optional = sorted((required - still) & now.keys())
            yield from (f"{place} may lack the field {name} now" for name in optional)
        for name in before.keys() & now.keys():
            yield from self.problems(before[name], now[name], f"{place}.{name}")


def alternatives(document: JsonObject, schema: JsonObject) -> list[JsonObject]:
    """The schemas of which a value fits one, each with one type and without references."""
    schema = resolved(document, schema)
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return [found for each in schema[name] for found in alternatives(document, each)]
    if "allOf" in schema:
        return [_merged([resolved(document, each) for each in schema["allOf"]])]
    kinds = schema.get("type")
    return [{**schema, "type": kind} for kind in kinds] if isinstance(kinds, list) else [schema]


def _merged(parts: Sequence[JsonObject]) -> JsonObject:
    merged: dict[str, Any] = {}
    for part in parts:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", ()), *part.get("required", ())]
        merged |= {**part, **({"properties": properties} if properties else {}), "required": required}
    return merged


def _kind(schema: JsonObject) -> str:
    return str(schema.get("type", _ANY))


def _is_number(one: JsonObject, other: JsonObject) -> bool:
    return _kind(one) == "integer" and _kind(other) == "number"


def _narrowed(old: JsonObject, new: JsonObject, place: str) -> Iterator[str]:
    before, now = _values(old), _values(new)
    if now is not None and before is None:
        yield f"{place} accepts only {', '.join(map(str, now))} now"
    elif now is not None and before is not None:
        yield from (f"{place} no longer accepts {value}" for value in before if value not in now)
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{place} must match {new['pattern']} now"
    for name in _LOWER_BOUNDS:
        if name in new and new[name] > old.get(name, float("-inf")) and not _is_vacuous(name, new[name]):
            yield f"{place} has {name} {new[name]} now"
    for name in _UPPER_BOUNDS:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{place} has {name} {new[name]} now"


def _is_vacuous(name: str, value: float) -> bool:
    return value == 0 and name in ("minLength", "minItems", "minProperties")


def _values(schema: JsonObject) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")
