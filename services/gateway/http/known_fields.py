"""What a field of another client means to a call that has no such field."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from shared.messages import Sentence


class KnownField(NamedTuple):
    """At most one of the three is set. A field with none of them is ignored without a note."""

    means: str | None = None
    """The field of ours that it sets."""
    note: Sentence | None = None
    """Why it has no effect: the answer's `notes` have this text."""
    refusal: Sentence | None = None
    """Why it is refused: without it, the call would do something else than its sender expects."""


KnownFields = Mapping[type[BaseModel], Mapping[str, KnownField]]
"""By the model of a body. A model also has those of its base classes."""


def known_to(model: type[BaseModel], known: KnownFields) -> dict[str, KnownField]:
    """The fields of other clients that a body of this model may have."""
    found: dict[str, KnownField] = {}
    for each in reversed(model.__mro__):
        found |= known.get(each, {})
    return found


def with_our_names(fields: Any, known: Mapping[str, KnownField]) -> Any:
    """A body with our names for fields of other clients that mean one of ours. A field of ours has precedence."""
    if not isinstance(fields, dict):
        return fields
    meant = {each.means: fields[name] for name, each in known.items() if each.means and name in fields}
    return {**meant, **fields} if meant else fields
