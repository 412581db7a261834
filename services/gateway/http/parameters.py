"""Parameters of paths, queries and headers that several features have."""

import re
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query
from pydantic import AfterValidator, BeforeValidator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.gateway.http.errors import deployment_not_found, invalid, tenant_not_found
from shared.messages import sentence, sentence_of, unfit
from shared.tenants import check_time_zone

LONGEST_ID = 100
"""Characters of an id in a path."""
LONGEST_KEY = 200
"""Characters of an Idempotency-Key."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


_YEARS = (1970, 9000)
_NOT_A_MOMENT = sentence("value-not_a_moment", "write a date, or a date and a time, as 2026-01-31T09:30:00Z")
_BOUNDED: JsonDict = {"minLength": 1, "maxLength": LONGEST_ID}


async def _tenant_id(
    tenant_id: Annotated[
        str, Path(description="The tenant's id", examples=["my-ai-service"], json_schema_extra=_BOUNDED)
    ],
) -> str:
    """An id that can't exist is refused without a query; PostgreSQL refuses some of them with an error."""
    if not is_possible_id(tenant_id):
        raise tenant_not_found(tenant_id[:LONGEST_ID])
    return tenant_id


async def _deployment_id(
    deployment_id: Annotated[
        str, Path(description="The deployment's id", examples=["dep-0123456789ab"], json_schema_extra=_BOUNDED)
    ],
) -> str:
    if not is_possible_id(deployment_id):
        raise deployment_not_found(deployment_id[:LONGEST_ID])
    return deployment_id


def is_possible_id(value: str) -> bool:
    """Whether a row can have this id. Rows that were inserted by hand may have unusual ones."""
    return 0 < len(value) <= LONGEST_ID and value.isprintable() and all(ord(each) < 0xD800 for each in value)


def _check_date(value: Any) -> Any:
    """Pydantic would read a number as a time since 1970."""
    if isinstance(value, str) and not _DATE.fullmatch(value):
        raise unfit(sentence("value-not_a_date", "write year, month and day, as 2026-01-31"))
    return value


def _check_moment(value: Any) -> Any:
    """Pydantic would read a number as a time since 1970."""
    if isinstance(value, str) and not _DATE.match(value):
        raise unfit(_NOT_A_MOMENT)
    return value


def _check_year(value: datetime) -> datetime:
    """At the ends of the calendar, a time zone leads to a year that can't be written."""
    if not _YEARS[0] <= value.year <= _YEARS[1]:
        raise unfit(_NOT_A_MOMENT)
    return value


def time_zone_parameter(name: str | None) -> str | None:
    """The time zone of a query. Raises Refused for one that doesn't exist."""
    try:
        return None if name is None else check_time_zone(name)
    except PydanticCustomError as error:
        raise invalid("time_zone", sentence_of(error)) from error


TenantPath = Annotated[str, Depends(_tenant_id)]
DeploymentPath = Annotated[str, Depends(_deployment_id)]
CalendarDay = Annotated[date, BeforeValidator(_check_date)]
Moment = Annotated[datetime, BeforeValidator(_check_moment), AfterValidator(_check_year)]
Skip = Annotated[int, Query(ge=0, le=1_000_000, description="Entries to leave out, the newest first")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most entries of the answer")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A repeated call with the same key and body gets the first answer",
        json_schema_extra={"minLength": 1, "maxLength": LONGEST_KEY},
    ),
]
