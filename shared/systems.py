"""Other systems by name: each has an account of NATS, a stream in each mode and dead letters of its own.

A stream for each, and not a part of a common one: JetStream bounds bytes and compares message ids for each stream, so
that a system that floods is refused at its own bound, and can't displace another's event by its message id. The
consumers in it have the names that they have in `OUTSIDE`, by which `shared.access` lets the services read them.
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
"""Systems with a name. The dead letters of so many fit into their stream, whatever they publish."""
_LONGEST = 30
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def check_name(name: str) -> str:
    """`name`, if a system may have it. Refused otherwise."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise Refused(
            f"{name!r} is no name of a system: it has 1 to {_LONGEST} of a-z, 0-9 and -, "
            "and begins and ends with a letter or a digit"
        )
    if name in ACCESS:
        raise Refused(f"{name!r} is the name of an account of our own; choose another one")
    return name


def read_names(text: str) -> list[str]:
    """The names in NATS_OUTSIDE_SYSTEMS: `crm:<password> erp:<password>`, or names alone. Refused for a wrong one."""
    names = [check_name(each.partition(":")[0]) for each in text.split()]
    return check_number(names)


def check_number(names: Iterable[str]) -> list[str]:
    """The `names`, each one time. Refused if there are more than `MOST`."""
    different = list(dict.fromkeys(names))
    if len(different) > MOST:
        raise Refused(f"there may be {MOST} systems with a name, and not {len(different)}")
    return different


def stream_of_system(mode: Mode, system: str) -> str:
    """The stream of what the system `crm` publishes: `OUTSIDE_crm`."""
    return mode.stream(f"{Stream.OUTSIDE}_{system}")


def subjects_of_system(mode: Mode, system: str) -> list[str]:
    """What is in it."""
    return [mode.subject(from_outside(subject, system)) for subject in PUBLISHED_BY_OTHERS]


def durables_of_system(system: str) -> list[Durable]:
    """The consumers in it, one for each that reads `OUTSIDE`."""
    return [
        durable._replace(subjects=tuple(from_outside(split_outside(each)[1], system) for each in durable.subjects))
        for durable in DURABLES
        if durable.stream is Stream.OUTSIDE
    ]


def is_named(system: str) -> bool:
    """Whether it is one of these, and neither `outside` nor none."""
    return system not in ("", OUTSIDE_PREFIX)
