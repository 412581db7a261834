"""Other ids for one that can't be used. Pure."""

import re
from collections.abc import Iterator

from pydantic_core import PydanticCustomError

from shared.messages import Sentence, sentence_of
from shared.tenants import check_tenant_id

MOST = 5
"""Suggestions in an answer."""
_LONGEST = 50
_ENDINGS = ("2", "3", "new", "prod", "dev", "test", "4", "5", "6", "7", "8", "9")
_NOT_IN_AN_ID = re.compile(r"[^a-z0-9]+")
_FALLBACK = "tenant"
"""For an id of which nothing is left, such as one in Korean."""


def problem_of(tenant_id: str) -> Sentence | None:
    """Why no tenant can have this id; None if one can."""
    try:
        check_tenant_id(tenant_id)
    except PydanticCustomError as error:
        return sentence_of(error)
    return None


def candidates(tenant_id: str) -> list[str]:
    """Valid ids that resemble `tenant_id`, the closest first; some may be in use."""
    found = dict.fromkeys(each for each in _resembling(tenant_id) if each != tenant_id and problem_of(each) is None)
    return list(found)


def _resembling(tenant_id: str) -> Iterator[str]:
    base = _NOT_IN_AN_ID.sub("-", tenant_id[: 2 * _LONGEST].lower()).strip("-") or _FALLBACK
    yield base[:_LONGEST].strip("-")
    for ending in _ENDINGS:
        yield f"{base[: _LONGEST - len(ending) - 1].strip('-')}-{ending}"
    yield f"my-{base[: _LONGEST - 3].strip('-')}"
