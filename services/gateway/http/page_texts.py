"""The texts of a printed page: English by name; other languages are translations of `<prefix><name>`. Pure."""

from collections.abc import Mapping
from typing import Any

from services.gateway.http.language import Translator
from shared.messages import Message

DURATIONS = {
    "days": "{count} d",
    "hours": "{count} h",
    "minutes": "{count} min",
    "seconds": "{count} s",
    "unknown": "unknown",
}
"""Texts that a page needs for durations and percentages."""
_UNITS = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}


class PageTexts:
    """The texts of one page in one language."""

    def __init__(self, translator: Translator, english: Mapping[str, str], prefix: str) -> None:
        self.language = translator.language
        self._translator = translator
        self._english = english
        self._prefix = prefix

    def __call__(self, name: str, /, **values: Any) -> str:
        """The text of this name in this language, with `values` filled in."""
        shown = {name: str(value) for name, value in values.items()}
        english = self._english[name].format_map(shown)
        return self._translator.text(english, Message(id=f"{self._prefix}{name}", params=shown))

    def duration(self, seconds: float | None) -> str:
        """`3 d 4 h`, `12 min 5 s`: the two largest units."""
        if seconds is None:
            return "–"
        shown = []
        left = round(seconds)
        for unit, length in _UNITS.items():
            count, left = divmod(left, length)
            if count:
                shown.append(self(unit, count=count))
        return " ".join(shown[:2]) or self("seconds", count=0)

    def percent(self, value: float | None) -> str:
        """Truncated, not rounded: 99.9996 is not 100."""
        return self("unknown") if value is None else f"{int(value * 1000) / 1000:.3f} %"
