"""Texts in the language of a request: the only place that translates.

    error         by its code, with its details as parameters, or by the messages of `details["errors"]`
    message       by its id and parameters (`shared.messages`); a sentence of several parts part by part
    pydantic      by the type of the error, with its context as parameters

A text without a translation, or without all of its parameters, stays English.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.gateway.http import request_context
from services.gateway.http.request_context import Language
from services.gateway.http.translations import korean
from shared.messages import SEPARATOR, Message, Sentence, sentence

_SHOWN = 5
"""Problems that an error's message lists; the details have all of them."""
_MESSAGES = "_messages"


class Translator:
    """Texts in one language. `used` collects the languages of the texts, for `Content-Language`."""

    def __init__(self, language: Language, used: set[Language] | None = None) -> None:
        self.language = language
        self.used: set[Language] = set() if used is None else used

    def text(self, english: str, *messages: Message, attribute: str | None = None) -> str:
        """The sentence of `messages`, or `english` if one of them has no translation."""
        parts = [self._find(each.id, each.params, attribute) for each in messages]
        found = [each for each in parts if each is not None]
        if not found or len(found) < len(parts):
            return self._english(english)
        self.used.add(self.language)
        return SEPARATOR.join(found)

    def sentences(self, sentences: Iterable[Sentence]) -> list[str]:
        """Each sentence in this language."""
        return [self.text(english, message) for english, message in sentences]

    def error(self, message_id: str, english: str, details: Mapping[str, Any]) -> str:
        """The message of an error.

        In another language it lists the problems of the details if all of them are translated; otherwise it is the
        code's message.
        """
        listed = self._listed(english, details.get("errors"))
        if listed is not None:
            return listed
        return self.text(english, Message(id=message_id, params=dict(_parameters(details))))

    def problem(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """An entry of `details["errors"]` as a client gets it: without id and parameters."""
        message = _message_of(entry)
        english = str(entry.get("message", ""))
        return {"field": entry.get("field", ""), "message": self.text(english, *([message] if message else []))}

    def translated(self, value: Any) -> Any:
        """A dumped model with its texts translated and its messages left out.

        `x` is translated by the `x_messages` beside it, which are its parts; the texts of `xs` by `x_messages`, one by
        one. What has no messages, as the sizing of an older calculator, stays English.
        """
        if isinstance(value, Mapping):
            return self._with_texts({name: self.translated(each) for name, each in value.items()})
        return [self.translated(each) for each in value] if isinstance(value, list | tuple) else value

    def _with_texts(self, fields: dict[str, Any]) -> dict[str, Any]:
        shown = {name: each for name, each in fields.items() if not name.endswith(_MESSAGES)}
        for name in fields.keys() - shown.keys():
            base = name.removesuffix(_MESSAGES)
            messages = [Message.model_validate(each) for each in fields[name]]
            if base in shown:
                shown[base] = self.text(shown[base], *messages)
            elif f"{base}s" in shown:
                shown[f"{base}s"] = self.texts(shown[f"{base}s"], messages)
        return shown

    def texts(self, english: Sequence[str], messages: Sequence[Message]) -> list[str]:
        """Each text by its message."""
        if len(english) != len(messages):
            return [self._english(each) for each in english]
        return [self.text(each, message) for each, message in zip(english, messages, strict=True)]

    def _find(self, message_id: str, params: Mapping[str, str], attribute: str | None) -> str | None:
        return korean().translate(message_id, params, attribute) if self.language == "ko" else None

    def _english(self, text: str) -> str:
        if text:
            self.used.add("en")
        return text

    def _listed(self, english: str, errors: Any) -> str | None:
        """The problems in one sentence, or None if one of them isn't translated."""
        if self.language == "en" or not isinstance(errors, list) or not errors:
            return None
        messages = [_message_of(each) for each in errors]
        found = [None if each is None else self._find(each.id, each.params, None) for each in messages]
        if None in found:
            return None
        self.used.add(self.language)
        if len(errors) == 1 and not english.startswith(f"{errors[0]['field']}: "):
            return found[0]
        listed = SEPARATOR.join(f"{each['field']}: {text}" for each, text in zip(errors[:_SHOWN], found, strict=False))
        if len(errors) <= _SHOWN:
            return listed
        return f"{listed} {self.text(*sentence('errors-left-out', '(and {count} more)', count=len(errors) - _SHOWN))}"


def translator() -> Translator:
    """The translator of the current request."""
    request = request_context.current()
    return Translator(request.language, request.languages)


def _parameters(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The details of an error that can stand in a sentence."""
    for name, value in details.items():
        if isinstance(value, str | int | float):
            yield name, f"{value:g}" if isinstance(value, float) else str(value)


def _message_of(entry: Any) -> Message | None:
    """The message of an entry of `details["errors"]`; None without one, as from an older worker."""
    if not isinstance(entry, Mapping) or "message_id" not in entry:
        return None
    return Message(id=entry["message_id"], params=entry.get("params") or {})
