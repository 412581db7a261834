"""From the values of all tenants at one moment to as few events as fit. Pure.

One event for each tenant costs a few milliseconds in every process that publishes, stores or shows it; one for all of
them costs hardly more than one of these.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from shared.events import MetricsSampled, TenantSample

LARGEST_BYTES = 128 * 1024
"""The size at which another event begins. NATS takes 2 MiB with all headers (`max_payload`)."""
_FIXED, _EACH_NAME = 64, 40
"""Bytes of a sample without its names, and of a name's value: a float has at most 24 characters."""


def slice_events(time: datetime, source: str, samples: Iterable[TenantSample]) -> Iterator[MetricsSampled]:
    """The events of `samples`, ordered by tenant; none without samples."""
    part: list[TenantSample] = []
    size = 0
    for sample in sorted(samples, key=lambda each: each.tenant_id):
        more = _size(sample)
        if part and size + more > LARGEST_BYTES:
            yield MetricsSampled(time=time, source=source, samples=tuple(part))
            part, size = [], 0
        part.append(sample)
        size += more
    if part:
        yield MetricsSampled(time=time, source=source, samples=tuple(part))


def _size(sample: TenantSample) -> int:
    """An upper bound of the bytes of a sample in JSON."""
    return _FIXED + len(sample.tenant_id.encode()) + _names(sample.values) + _names(sample.services)


def _names(named: Mapping[str, object]) -> int:
    # Six characters is the longest escape of one in JSON.
    return sum(_EACH_NAME + (len(name) if name.isascii() and name.isprintable() else 6 * len(name)) for name in named)
