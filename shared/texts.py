"""A sentence for people, in English and in Korean.

Each message exists in both; the gateway chooses by `Accept-Language`.
"""

from typing import NamedTuple


class Text(NamedTuple):
    """The same sentence twice."""

    en: str
    ko: str


class Unfit(ValueError):
    """A value that a model's validator refuses, with the sentence in Korean too."""

    def __init__(self, en: str, ko: str) -> None:
        super().__init__(en)
        self.ko = ko


def problem(field: str, text: Text) -> dict[str, str]:
    """One entry of an error's `details["errors"]`."""
    return {"field": field, "message": text.en, "message_ko": text.ko}
