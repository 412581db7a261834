"""The Korean translations: messages by id in Mozilla's Fluent format, `services/gateway/locales/ko/*.ftl`. Pure.

Parameters are data: they are inserted as they are and never read as Fluent.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax import ast

from shared.messages import LONGEST_PARAMETER


class Translations:
    """The messages of one language. Raises ValueError for a text with a syntax error or an id that is there twice."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        # Isolation marks around parameters are for right-to-left scripts; in a JSON answer they would only be noise.
        self._bundle = FluentBundle([language], use_isolating=False)
        for name, content in texts.items():
            for entry in FluentResource(content).body:
                self._check(name, entry)
                self._bundle.add_resource(ast.Resource([entry]))

    def __contains__(self, message_id: str) -> bool:
        return self._bundle.has_message(message_id)

    def translate(self, message_id: str, params: Mapping[str, str], attribute: str | None = None) -> str | None:
        """The message with its parameters; None if there is none, or it needs a parameter that is missing."""
        if not self._bundle.has_message(message_id):
            return None
        message = self._bundle.get_message(message_id)
        pattern = message.attributes.get(attribute) if attribute else message.value
        if pattern is None:
            return None
        short = {name: value[:LONGEST_PARAMETER] for name, value in params.items()}
        translated, errors = self._bundle.format_pattern(pattern, short)
        return None if errors else str(translated)

    def _check(self, name: str, entry: ast.EntryType) -> None:
        if isinstance(entry, ast.Junk):
            raise ValueError(f"{name}: not Fluent: {entry.content!r}")
        if isinstance(entry, ast.Message) and self._bundle.has_message(entry.id.name):
            raise ValueError(f"{name}: {entry.id.name} is there twice")


@cache
def korean() -> Translations:
    """The Korean translations, read once. The application reads it at its start."""
    folder = files("services.gateway").joinpath("locales", "ko")
    texts = {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".ftl")}
    return Translations("ko", texts)
