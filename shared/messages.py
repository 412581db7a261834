"""Sentences for users: the English text, with the message id and the parameters from which the gateway translates it.

A sentence is written in English where it arises. It travels as that text together with a `Message`; the gateway looks
the id up in the translations of the request's language, and shows the English text if the id isn't there. Figures are
formatted before they become parameters, so that all languages show the same digits.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import Field
from pydantic_core import PydanticCustomError

from shared.model import Model

SEPARATOR = "; "
"""Between the parts of a sentence, in every language."""
LONGEST_PARAMETER = 2000
"""Characters. A parameter may come from a client, and is cut to this length."""
_OF_VALUES = "value-"
"""The beginning of the ids of pydantic's errors, and of those that our validators raise."""
_LONGEST_ENGLISH = 500
"""Characters of an error of pydantic, which may repeat what a client sent."""


class Message(Model):
    """What to translate: a message id, and its parameters as they are to be shown."""

    id: str
    params: dict[str, str] = Field(default_factory=dict)


class Sentence(NamedTuple):
    """A sentence, or a part of one."""

    english: str
    message: Message


def sentence(message_id: str, english: str, /, **params: object) -> Sentence:
    """A sentence from its English template: `sentence("jobs-left", "{count} jobs left", count=2)`.

    A parameter that isn't in the template is for other languages: a choice between variants, for example.
    """
    shown = {name: str(value)[:LONGEST_PARAMETER] for name, value in params.items()}
    return Sentence(english.format_map(shown), Message(id=message_id, params=shown))


def unfit(reason: Sentence) -> PydanticCustomError:
    """The error of a validator for `reason`, whose id begins with `value-`."""
    kind = reason.message.id.removeprefix(_OF_VALUES)
    return PydanticCustomError(kind, reason.english, dict(reason.message.params))


def sentence_of(error: PydanticCustomError) -> Sentence:
    """The sentence of a validator's error outside of a model."""
    return sentence_of_pydantic({"type": error.type, "msg": error.message(), "ctx": error.context or {}})


def sentence_of_pydantic(error: Mapping[str, Any]) -> Sentence:
    """The sentence of one of pydantic's `errors()`. Its id is `value-<type>`, its parameters are the context."""
    params = {name: str(value)[:LONGEST_PARAMETER] for name, value in error.get("ctx", {}).items()}
    english = str(error["msg"]).removeprefix("Value error, ")[:_LONGEST_ENGLISH]
    return Sentence(english, Message(id=f"{_OF_VALUES}{error['type']}", params=params))


def joined(texts: Iterable[Sentence]) -> str:
    """The English of a sentence of several parts. The gateway joins translated parts in the same way."""
    return SEPARATOR.join(each.english for each in texts)


def messages_of(texts: Iterable[Sentence]) -> tuple[Message, ...]:
    """What travels beside the English of `texts`."""
    return tuple(each.message for each in texts)


def problem(field: str, reason: Sentence) -> dict[str, Any]:
    """One entry of an error's `details["errors"]`; a client gets `field` and `message`."""
    return {"field": field, "message": reason.english, "message_id": reason.message.id, "params": reason.message.params}
