"""A CronJob's schedule: the grammar of robfig/cron, Kubernetes' parser, and its error messages."""

import re
from collections.abc import Sequence

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 6, _WEEKDAYS))
"""Of minute, hour, day, month and weekday: least and greatest number, and names for the numbers from the least on."""
_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_EVERY = re.compile(r"@every ([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+")


def schedule_fault(text: str) -> str | None:
    """What keeps a text from being a schedule; None if it is one."""
    if text.startswith("@"):
        known = text in _DESCRIPTORS or _EVERY.fullmatch(text)
        return None if known else f"unrecognized descriptor: {text}"
    parts = text.split()
    if len(parts) != len(_FIELDS):
        return f"expected exactly {len(_FIELDS)} fields, found {len(parts)}: [{text}]"
    faults = (
        _range_fault(each, *field) for part, field in zip(parts, _FIELDS, strict=True) for each in part.split(",")
    )
    return next((fault for fault in faults if fault), None)


def _range_fault(text: str, least: int, most: int, names: Sequence[str]) -> str | None:
    """Of `*`, `5`, `5-9`, `*/5` or `5-9/2`."""
    span, slash, step = text.partition("/")
    low, dash, high = span.partition("-")
    ends = (low, high if dash else low)
    numbers = [least, most] if span in ("*", "?") else [_number(each, least, names) for each in ends]
    unread = next((each for each, number in zip(ends, numbers, strict=True) if number is None), None)
    if unread is not None:
        return f'failed to parse int from {unread}: strconv.Atoi: parsing "{unread}": invalid syntax'
    begin, end = (number or 0 for number in numbers)
    if begin < least:
        return f"beginning of range ({begin}) below minimum ({least}): {text}"
    if end > most:
        return f"end of range ({end}) above maximum ({most}): {text}"
    if begin > end:
        return f"beginning of range ({begin}) beyond end of range ({end}): {text}"
    if slash and not step.isdecimal():
        return f'failed to parse int from {step}: strconv.Atoi: parsing "{step}": invalid syntax'
    return f"step of range should be a positive number: {text}" if slash and int(step[:9]) == 0 else None


def _number(text: str, least: int, names: Sequence[str]) -> int | None:
    if text.lower() in names:
        return names.index(text.lower()) + least
    return int(text[:9]) if text.isascii() and text.isdecimal() else None
