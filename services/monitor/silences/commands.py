"""Creates, ends, previews and lists silences: `rpc.silences`. An alert that fires is muted or passed on at once."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.clock import Now
from services.monitor.silences import silence_store
from services.monitor.silences.calendars import read_calendars
from services.monitor.silences.muting import SilenceRule
from services.monitor.silences.preview import preview
from services.monitor.silences.recurrence import next_occurrences
from services.monitor.silences.silence_store import SilencedTenant, rule_of
from shared.database import Database
from shared.errors import Refused
from shared.messages import Sentence, problem, sentence
from shared.rpc.silences import NewSilence, Silence, SilencePreview, SilencesReply, SilencesRequest

MOST_SILENCES = 200
"""Of one tenant that haven't ended."""
_SHOWN_OCCURRENCES = 3
_LONGEST = timedelta(days=366)
Refresh = Callable[[AsyncConnection], Awaitable[int]]
"""Passes on the alerts whose silences have changed, in the transaction of the connection."""


class SilenceCommands:
    """The silences of one mode."""

    def __init__(self, database: Database, refresh: Refresh, now: Now) -> None:
        self._database = database
        self._refresh = refresh
        self._now = now

    async def answer(self, request: SilencesRequest) -> SilencesReply:
        """Do what is asked for, a creation once for each request; and list.

        Raises Refused (TENANT_NOT_FOUND, NOT_FOUND, CONFLICT, VALIDATION_ERROR), DependencyUnavailable.
        """
        await read_calendars(each.recurrence for each in (request.create, request.preview) if each)
        async with self._database.begin() as connection:
            tenant = await silence_store.find_tenant(connection, request.tenant_id)
            if tenant is None:
                raise tenant_unknown(request.tenant_id)
            now = self._now()
            changed = await self._change(connection, request, tenant, now)
            shown = request.preview and await _preview(connection, request, request.preview, tenant, now)
            rows = await silence_store.list_rows(connection, tenant.row_id, now)
            silences = tuple(_shown(row, now) for row in rows)
        one = next((each for each in silences if each.silence_id == changed), None)
        return SilencesReply(tenant_id=request.tenant_id, silences=silences, changed=one, preview=shown)

    async def _change(
        self, connection: AsyncConnection, request: SilencesRequest, tenant: SilencedTenant, now: datetime
    ) -> str | None:
        """The id of the silence that was created or ended."""
        if request.create is not None:
            return await self._create(connection, request, checked(request.create, now, tenant.zone), tenant, now)
        if request.end is not None:
            ended = await silence_store.end(connection, tenant.row_id, request.end, author=request.author, now=now)
            if not ended and not await _exists(connection, tenant, request.end, now):
                raise Refused(
                    f"there is no silence {request.end!r}",
                    code="NOT_FOUND",
                    message_id="silence-not-found",
                    details={"silence_id": request.end},
                )
            await self._refresh(connection)
        return request.end

    async def _create(
        self,
        connection: AsyncConnection,
        request: SilencesRequest,
        silence: NewSilence,
        tenant: SilencedTenant,
        now: datetime,
    ) -> str:
        if done := await silence_store.silence_of_request(connection, request.request_id):
            return done
        if await silence_store.count(connection, tenant.row_id, now) >= MOST_SILENCES:
            english = f"the tenant has {MOST_SILENCES} silences, which is the limit; end some of them"
            raise Refused(english, code="CONFLICT", message_id="silences-limit", details={"most": MOST_SILENCES})
        await silence_store.create(
            connection,
            tenant.row_id,
            new_silence_id(),
            silence,
            author=request.author,
            now=now,
            request_id=request.request_id,
        )
        await self._refresh(connection)
        # A simultaneous request with the same id may have created it.
        return await silence_store.silence_of_request(connection, request.request_id) or ""


def new_silence_id() -> str:
    """A random id such as `silence-0123456789ab`."""
    return f"silence-{secrets.token_hex(6)}"


def tenant_unknown(tenant_id: str) -> Refused:
    """The error of an unknown tenant."""
    return Refused(f"there is no tenant {tenant_id!r}", code="TENANT_NOT_FOUND", details={"tenant_id": tenant_id})


def checked(silence: NewSilence, now: datetime, zone: str) -> NewSilence:
    """The silence with a start that isn't in the past. Raises Refused for one that would mute nothing, or for ever."""
    start = max(silence.start or now, now)
    if silence.end is None and silence.recurrence is None:
        raise _invalid("end", sentence("silence-without-end", "is needed: a silence without an end would be forgotten"))
    if silence.end is not None and silence.end <= start:
        raise _invalid("end", sentence("silence-ends-first", "must be in the future and after start"))
    if start - now > _LONGEST or (silence.end is not None and silence.end - start > _LONGEST):
        english = "is more than {days} days away"
        raise _invalid("end", sentence("silence-too-long", english, days=_LONGEST.days))
    if silence.recurrence is not None:
        following = next_occurrences(silence.recurrence, start, 1, zone=zone)
        if not following or (silence.end is not None and following[0].start >= silence.end):
            raise never_on("recurrence")
    return silence.model_copy(update={"start": start})


def never_on(field: str) -> Refused:
    """The error of a recurrence without an occurrence."""
    return _invalid(field, sentence("recurrence-never", "is never in effect: no such day lies between start and end"))


def _invalid(field: str, reason: Sentence) -> Refused:
    found = problem(field, reason)
    return Refused(f"{field}: {reason.english}", details={"errors": [found]})


async def _exists(connection: AsyncConnection, tenant: SilencedTenant, silence_id: str, now: datetime) -> bool:
    rows = await silence_store.list_rows(connection, tenant.row_id, now)
    return any(row.silence_id == silence_id for row in rows)


async def _preview(
    connection: AsyncConnection, request: SilencesRequest, silence: NewSilence, tenant: SilencedTenant, now: datetime
) -> SilencePreview:
    silence = checked(silence, now, tenant.zone)
    rule = SilenceRule(
        silence_id="",
        tenant_id=request.tenant_id,
        matchers=silence.matchers,
        start=silence.start or now,
        end=silence.end,
        recurrence=silence.recurrence,
        zone=tenant.zone,
    )
    since = now - timedelta(days=request.days)
    firings = await silence_store.firings(connection, request.tenant_id, tenant.row_id, since)
    return preview(request.tenant_id, rule, firings, days=request.days)


def _shown(row: Any, now: datetime) -> Silence:
    """The contract's form of a silence."""
    rule = rule_of(row)
    is_over = rule.end is not None and rule.end <= now
    following = []
    if rule.recurrence is not None and not is_over:
        following = next_occurrences(rule.recurrence, max(now, rule.start), _SHOWN_OCCURRENCES, zone=rule.zone)
    if is_over:
        status = "ended"
    elif now < rule.start:
        status = "pending"
    else:
        status = "active" if rule.is_in_effect(now) else "waiting"
    return Silence(
        silence_id=rule.silence_id,
        tenant_id=rule.tenant_id,
        matchers=rule.matchers,
        reason=row.reason,
        author=row.author,
        created_at=row.created_at,
        start=rule.start,
        end=rule.end,
        ended_by=row.ended_by,
        recurrence=rule.recurrence,
        status=status,
        next=tuple(each for each in following if rule.end is None or each.start < rule.end),
        muted=row.muted,
    )
