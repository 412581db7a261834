"""What the monitor answers about silences and recurring maintenance: `rpc.silences`, `rpc.recurring_maintenance`."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from shared.alerts.matchers import Matcher, Matchers
from shared.messages import Message, sentence, unfit
from shared.tenants import Duration, Model, TimeZone

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Reason = Annotated[
    str, Field(min_length=1, max_length=500, pattern=r"\S", examples=["The billing gateway is migrated"])
]
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class Recurrence(Model):
    """Days of the calendar and a time of day, such as every second Sunday at 02:00 for four hours."""

    days: Annotated[tuple[Weekday, ...], Field(max_length=7, examples=[["sat", "sun"]])] = ()
    """Days of the week. Neither these nor days of the month: every day."""
    weeks: Annotated[tuple[Annotated[int, Field(ge=-1, le=5)], ...], Field(max_length=6, examples=[[2]])] = ()
    """Which of the month's: 2 with `sun` is the second Sunday, -1 the last one. None: every week."""
    days_of_month: Annotated[tuple[Annotated[int, Field(ge=-1, le=31)], ...], Field(max_length=32)] = ()
    """1 to 31, or -1 for the last day. A month that lacks the day is left out."""
    holidays: Literal["ignore", "skip", "include", "only"] = "ignore"
    """South Korea's public holidays with their substitutes: no difference, not on them, on them too, or of the days
    only those that are holidays."""
    start: Annotated[str, Field(pattern=_CLOCK, max_length=5, examples=["02:00"])]
    """Time of day in the time zone."""
    duration: Annotated[Duration, Field(max_length=20, examples=["4h"])]
    time_zone: TimeZone | None = None
    """IANA's name; by default the tenant's, or UTC."""
    first_day: date | None = None
    last_day: date | None = None
    """Both included."""

    @model_validator(mode="after")
    def _is_consistent(self) -> "Recurrence":
        if 0 in (*self.weeks, *self.days_of_month):
            raise unfit(sentence("value-recurrence_zero", "weeks and days of the month begin with 1; -1 is the last"))
        if self.days_of_month and (self.days or self.weeks):
            english = "give either days with weeks or days_of_month, not both"
            raise unfit(sentence("value-recurrence_two_kinds", english))
        if self.weeks and not self.days:
            raise unfit(sentence("value-recurrence_without_days", "weeks needs days: which days of these weeks"))
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise unfit(sentence("value-recurrence_ends_first", "last_day is before first_day"))
        return self


class Occurrence(Model):
    """A time at which something that repeats is in effect."""

    start: AwareDatetime
    end: AwareDatetime


class NewSilence(Model):
    """Alerts that match are shown and not notified of, from `start` to `end`, or at the times of `recurrence`."""

    matchers: Matchers
    reason: Reason
    start: AwareDatetime | None = None
    """None: now."""
    end: AwareDatetime | None = None
    """Needed unless it repeats."""
    recurrence: Recurrence | None = None


class Silence(Model):
    """A silence. `tenant_id` None would be every tenant's."""

    silence_id: str
    tenant_id: str
    matchers: tuple[Matcher, ...]
    reason: str
    author: str
    """Who created it."""
    created_at: AwareDatetime
    start: AwareDatetime
    end: AwareDatetime | None
    ended_by: str | None
    """Who ended it early."""
    recurrence: Recurrence | None
    status: Literal["pending", "active", "waiting", "ended"]
    """`pending` before its start; `waiting` between two occurrences."""
    next: tuple[Occurrence, ...] = ()
    """The present occurrence and those that follow, at most three."""
    muted: int = 0
    """Alerts that fire and are muted by it now."""


class PreviewedAlert(Model):
    """What a silence would have muted of one alert."""

    name: str
    severity: str
    firings: int
    muted: int


class SilencePreview(Model):
    """What a silence would have muted in the past, had it been in effect."""

    tenant_id: str
    days: int
    firings: int
    """Alerts of the tenant that began to fire in these days."""
    muted: int
    """Those of them that it would have muted: for one that repeats, only at its times."""
    firing_now: int
    """Alerts that fire now and that it would mute at once."""
    alerts: tuple[PreviewedAlert, ...]
    """By name, those with most muted firings first; at most 50."""
    summary: str
    summary_messages: tuple[Message, ...] = ()


class SilencesRequest(Model):
    """`rpc.silences`: create one, end one, preview one, or list them. Answered with `SilencesReply`."""

    tenant_id: str
    request_id: str = ""
    """A repeated request has the same one, and is executed once."""
    author: str = ""
    create: NewSilence | None = None
    end: str | None = None
    """The id of a silence."""
    preview: NewSilence | None = None
    days: Annotated[int, Field(ge=1, le=90)] = 30
    """Days of the past that the preview looks at."""


class SilencesReply(Model):
    """A tenant's silences: those in effect first, then the latest; and the one that was created or ended."""

    tenant_id: str
    silences: tuple[Silence, ...]
    changed: Silence | None = None
    preview: SilencePreview | None = None


class NewRecurringMaintenance(Model):
    """Maintenance that repeats: each occurrence is announced as a window of its own, weeks before it begins."""

    recurrence: Recurrence
    reason: Reason


class RecurringMaintenance(Model):
    """Maintenance that repeats."""

    recurring_id: str
    tenant_id: str
    recurrence: Recurrence
    reason: str
    author: str
    created_at: AwareDatetime
    next: tuple[Occurrence, ...]
    """The next windows that are announced, at most three."""


class RecurringMaintenanceRequest(Model):
    """`rpc.recurring_maintenance`: create, cancel or list. Answered with `RecurringMaintenanceReply`."""

    tenant_id: str
    request_id: str = ""
    author: str = ""
    create: NewRecurringMaintenance | None = None
    cancel: str | None = None
    """The id of one. Windows that haven't begun are cancelled with it."""


class RecurringMaintenanceReply(Model):
    """What repeats for a tenant, the latest first; and the one that was created."""

    tenant_id: str
    recurring: tuple[RecurringMaintenance, ...]
    changed: RecurringMaintenance | None = None
