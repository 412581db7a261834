"""Reads the calendars of holidays in a thread, before something needs them: that takes seconds on a busy machine."""

import asyncio
from collections.abc import Iterable
from datetime import date

from services.monitor.silences.recurrence import is_holiday
from shared.rpc.silences import Recurrence

_ANY_DAY = date(2026, 1, 1)
_read: set[date] = set()


async def read_calendars(recurrences: Iterable[Recurrence | None]) -> None:
    """Have the calendars read, if one of these needs them. Afterwards a year costs a millisecond."""
    if not _read and any(each is not None and each.holidays != "ignore" for each in recurrences):
        await asyncio.to_thread(is_holiday, _ANY_DAY)
        _read.add(_ANY_DAY)
