"""Named other systems: each has a NATS account, a stream in each mode, and dead letters of its own.

Each has its own stream because JetStream bounds bytes and deduplicates message ids per stream: a system that publishes
too much is refused at its own bound, and can't displace another system's event by using its message id. The consumers
in these streams have the same names as in `OUTSIDE`, by which `shared.access` lets the services read them.
"""

import re
from collections.abc import Iterable

from shared.access import ACCESS
from shared.errors import Refused
from shared.subjects import (
    DURABLES,
    OUTSIDE_PREFIX,
    PUBLISHED_BY_OTHERS,
    Durable,
    Mode,
    Stream,
    from_outside,
    split_outside,
)

MOST = 20
"""The largest number of named systems: their dead letters fit into the stream, whatever they publish."""
_LONGEST = 30
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def check_name(name: str) -> str:
    """`name`, if it is valid for a system. Raises Refused."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise Refused(
            f"{name!r} is not a valid name of a system: use 1 to {_LONGEST} characters of a-z, 0-9 and -, "
            "with a letter or a digit first and last"
        )
    if name in ACCESS:
        raise Refused(f"{name!r} is the name of an account of our own; choose another one")
    return name


def read_names(text: str) -> list[str]:
    """The names in NATS_OUTSIDE_SYSTEMS: `crm:<password> erp:<password>`, or names alone. Raises Refused."""
    names = [check_name(each.partition(":")[0]) for each in text.split()]
    return check_number(names)


def check_number(names: Iterable[str]) -> list[str]:
    """The `names` without duplicates. Raises Refused if there are more than `MOST`."""
    different = list(dict.fromkeys(names))
    if len(different) > MOST:
        raise Refused(f"there may be {MOST} named systems, not {len(different)}")
    return different


def stream_of_system(mode: Mode, system: str) -> str:
    """The stream of what the system `crm` publishes: `OUTSIDE_crm`."""
    return mode.stream(f"{Stream.OUTSIDE}_{system}")


def subjects_of_system(mode: Mode, system: str) -> list[str]:
    """The subjects in it."""
    return [mode.subject(from_outside(subject, system)) for subject in PUBLISHED_BY_OTHERS]


def durables_of_system(system: str) -> list[Durable]:
    """The consumers in it: one for each consumer of `OUTSIDE`."""
    return [
        durable._replace(subjects=tuple(from_outside(split_outside(each)[1], system) for each in durable.subjects))
        for durable in DURABLES
        if durable.stream is Stream.OUTSIDE
    ]


def is_named(system: str) -> bool:
    """Whether `system` is a named one: neither `outside` nor empty."""
    return system not in ("", OUTSIDE_PREFIX)
