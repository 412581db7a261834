"""Which fields of a request body a call doesn't have, at every depth, and the closest one that it has. Pure.

The models themselves ignore unknown fields, because events share them, and a newer service may send more than an older
one knows. Fields that other clients send without an effect here are known by name (`known_fields`).
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.gateway.http.known_fields import KnownField, KnownFields, known_to
from services.gateway.http.problems import MOST_PROBLEMS, problem_of, refusal_of, without_consequences
from shared.messages import Sentence, sentence

Path = Sequence[int | str]
_EXTRA = "extra_forbidden"
_NOT_BOOLEAN = "not_boolean"
_TRUE_OR_FALSE = sentence("value-bool_type", "must be true or false")
_COMPARED = 100
"""Characters of an unknown name that are compared with known ones."""


class BodyCheck:
    """The check of one type of body: a model, a list of models, a union or an optional one."""

    def __init__(self, annotation: Any, known: KnownFields) -> None:
        self._annotation = annotation
        self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        self._has_booleans = _has_booleans(annotation, set())
        models = list(_models([annotation]))
        self._is_open = any(each.model_config.get("extra") == "allow" for each in models)
        self._known = {name: field for each in models for name, field in known_to(each, known).items()}

    def check(self, body: Any) -> list[Sentence]:
        """Notes on fields that have no effect. Raises Refused if others are unknown."""
        if self._is_open:
            return []
        errors = [*self._errors(body), *self._wrong_booleans(body)]
        given = self._given(body)
        refused = {name: each.refusal for name, each in given.items() if each.refusal}
        if refused or any(self._is_ours(each) for each in errors):
            left = [each for each in errors if not self._is_accepted(each)]
            problems = [self._problem(each, refused) for each in left[:MOST_PROBLEMS]]
            raise refusal_of(problems, len(left))
        return [each.note for each in given.values() if each.note]

    def _given(self, body: Any) -> dict[str, KnownField]:
        """The fields of other clients in the body that aren't null."""
        fields = body if isinstance(body, dict) else {}
        return {name: each for name, each in self._known.items() if fields.get(name) is not None}

    def _errors(self, body: Any) -> Sequence[Mapping[str, Any]]:
        try:
            self._adapter.validate_python(body, extra="forbid")
        except ValidationError as error:
            return without_consequences(error.errors(include_url=False, include_input=False))
        return ()

    def _wrong_booleans(self, body: Any) -> list[Mapping[str, Any]]:
        """Pydantic would accept 0, 1 and texts, which the OpenAPI document doesn't."""
        if not self._has_booleans:
            return []
        return [{"type": _NOT_BOOLEAN, "loc": path} for path in _wrong_booleans(self._annotation, body, ())]

    def _is_ours(self, error: Mapping[str, Any]) -> bool:
        """Whether the model itself would accept the body."""
        return error["type"] == _NOT_BOOLEAN or (error["type"] == _EXTRA and self._field_of(error) is None)

    def _is_accepted(self, error: Mapping[str, Any]) -> bool:
        field = self._field_of(error)
        return field is not None and field.refusal is None

    def _field_of(self, error: Mapping[str, Any]) -> KnownField | None:
        """The known field that pydantic refuses; only the top of a body has some."""
        place = error["loc"]
        return self._known.get(str(place[0])) if error["type"] == _EXTRA and len(place) == 1 else None

    def _problem(self, error: Mapping[str, Any], refused: Mapping[str, Sentence]) -> dict[str, Any]:
        place = error["loc"]
        located = {**error, "loc": ("body", *place)}
        if error["type"] != _EXTRA:
            return problem_of(located, _TRUE_OR_FALSE if error["type"] == _NOT_BOOLEAN else None)
        *above, name = place
        reason = refused.get(str(name)) if not above else None
        return problem_of(located, reason or unknown_field(str(name), names_at(self._annotation, above)))


def unknown_field(name: str, known: Sequence[str]) -> Sentence:
    """Why a field is refused, with the closest known name if there is one."""
    names = ", ".join(known)
    close = get_close_matches(name[:_COMPARED].lower(), known, n=1)
    if not close:
        return sentence("field-unknown", "unknown field; known: {known}", known=names)
    return sentence(
        "field-misspelt", "unknown field; did you mean {close}? Known: {known}", close=close[0], known=names
    )


def names_at(annotation: Any, path: Path) -> list[str]:
    """The fields of the models at `path` (fields, keys and indexes) of a value with this type."""
    places = [annotation]
    for part in path:
        # Pydantic's path also has the tags of unions, which name no place.
        places = [below for each in places for below in _below(each, part)] or places
    return list(dict.fromkeys(name for model in _models(places) for name in model.model_fields))


def _has_booleans(annotation: Any, seen: set[Any]) -> bool:
    """Whether a value of this type can have a boolean at any depth."""
    if annotation in seen:
        return False
    seen.add(annotation)
    for each in _alternatives(annotation):
        inner = [field.annotation for field in each.model_fields.values()] if _is_model(each) else get_args(each)
        if each is bool or any(_has_booleans(part, seen) for part in inner):
            return True
    return False


def _wrong_booleans(annotation: Any, value: Any, path: tuple[int | str, ...]) -> Iterator[tuple[int | str, ...]]:
    """Where the body has a number or a text, and its type a boolean."""
    if isinstance(value, dict | list):
        for part, each in value.items() if isinstance(value, dict) else enumerate(value):
            for below in _below(annotation, part):
                yield from _wrong_booleans(below, each, (*path, part))
    elif isinstance(value, int | float | str) and not isinstance(value, bool):
        kinds = list(_alternatives(annotation))
        if bool in kinds and not {int, float, str} & set(kinds):
            yield path


def _below(annotation: Any, part: int | str) -> Iterator[Any]:
    for each in _alternatives(annotation):
        if _is_model(each):
            if part in each.model_fields:
                yield each.model_fields[part].annotation
        elif get_origin(each) is dict:
            yield get_args(each)[1]
        elif get_origin(each) in (list, tuple) and isinstance(part, int):
            yield get_args(each)[0]


def _models(annotations: Sequence[Any]) -> Iterator[type[BaseModel]]:
    for each in annotations:
        yield from filter(_is_model, _alternatives(each))


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The type itself, or each member of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
