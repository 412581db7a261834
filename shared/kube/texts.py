"""Texts that encode times and bytes, and Go's error messages for those that don't.

Schemas call both a string; the API server parses them while it decodes an object.
"""

import re
from datetime import UTC, date, datetime, timedelta

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d([.,]\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LAYOUT = "2006-01-02T15:04:05Z07:00"
_PARTS = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"), ("15", r"\d\d"),
    (":", ":"), ("04", r"\d\d"), (":", ":"), ("05", r"\d\d([.,]\d+)?"), ("Z07:00", r"Z|[+-]\d\d:\d\d"),
)  # fmt: skip
"""RFC 3339 as Go walks along it: an element of the layout, and what may stand for it."""
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_BASE64_SIGNS = re.compile(r"[A-Za-z0-9+/]*")


def time_fault(text: str) -> str | None:
    """What keeps a text from being a time of RFC 3339, in the words of Go's `time.Parse`; None if it is one."""
    if not _TIME.fullmatch(text):
        return f"{_parsing(text)}: {_mismatch(text)}"
    outside = _out_of_range(text)
    return f"{_parsing(text)}: {outside} out of range" if outside else None


def parse_time(text: str) -> datetime:
    """The time in UTC of a text that has no `time_fault`: a Kubernetes Time or MicroTime. Never raises for such a text.

    Python's calendar has the years 1 to 9999 only; a time outside is moved to its nearest end.
    """
    if text.startswith("0000"):
        return datetime.min.replace(tzinfo=UTC)
    local = datetime.fromisoformat(text.upper().replace(",", "."))
    offset = local.utcoffset() or timedelta()
    try:
        return local.replace(tzinfo=UTC) - offset
    except OverflowError:
        return (datetime.min if offset > timedelta() else datetime.max).replace(tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """A time as the API writes it: UTC in whole seconds, `2026-01-31T09:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def base64_fault(text: str) -> str | None:
    """What keeps a text from being base64, in the words of Go's `encoding/base64`; None if it is."""
    # Go skips the ends of lines.
    plain = text.replace("\n", "").replace("\r", "")
    if _BASE64.fullmatch(plain):
        return None
    signs = _BASE64_SIGNS.match(plain)
    good = signs.end() if signs else 0
    # A text that merely ends too early is wrong where its last, incomplete four begin.
    at = good if good < len(plain) else len(plain) - len(plain) % 4
    return f"illegal base64 data at input byte {at}"


def _parsing(text: str) -> str:
    return f'parsing time "{text}" as "{_LAYOUT}"'


def _mismatch(text: str) -> str:
    rest = text
    for element, pattern in _PARTS:
        match = re.match(pattern, rest, re.ASCII | re.IGNORECASE)
        if not match:
            return f'cannot parse "{rest}" as "{element}"'
        rest = rest[match.end() :]
    return f'extra text: "{rest}"'


def _out_of_range(text: str) -> str | None:
    year, month, day, hour, minute, second = (int(each) for each in re.findall(r"\d+", text[:19]))
    for name, value, least, most in (("month", month, 1, 12), ("hour", hour, 0, 23), ("minute", minute, 0, 59)):
        if not least <= value <= most:
            return name
    if second > 59:
        return "second"
    if text[-6] in "+-" and int(text[-5:-3]) > 23:
        return "time zone offset hour"
    if text[-6] in "+-" and int(text[-2:]) > 59:
        return "time zone offset minute"
    try:
        date(max(year, 1), month, day)
    except ValueError:
        return "day"
    return None
