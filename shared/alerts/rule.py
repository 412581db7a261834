"""An alert rule: a condition over a tenant's metrics and figures, and what to do when it holds for long enough."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from shared.model import Model
from shared.tenants import parse_duration

Severity = Literal["critical", "warning", "info"]
"""`critical` pages a person, `warning` is a ticket, `info` is only shown."""
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""The most urgent one first."""

LONGEST_CONDITION = 1000
"""Characters."""
MOST_RULES = 200
"""Rules of one tenant."""
_MOST_LABELS = 20
_MOST_ACTIONS = 10
_MOST_RECIPIENTS = 20
_NO_WAIT = ("0", "0s")
_RESERVED = frozenset({"active", "test"})
"""Names that paths below `/tenants/{id}/alerts` have already."""
_NAME = r"^[A-Za-z0-9]([A-Za-z0-9_.\-]{0,98}[A-Za-z0-9])?$"
_ADDRESS = r"^[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9]([A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?$"
_LABEL = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
_URL = r"^https?://[!-~]+$"


class Missing(StrEnum):
    """What holds while there are no data for a rule's metrics."""

    ALERT = "alert"
    """The condition counts as true: the alert fires after the rule's duration without data."""
    KEEP = "keep"
    """The alert stays as it is, and the last values count until others come."""
    IGNORE = "ignore"
    """The condition counts as false: a firing alert is resolved."""


def _check_wait(value: str) -> str:
    if value.strip() in _NO_WAIT:
        return "0s"
    parse_duration(value)
    return value.strip()


def _no_line_breaks(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("invisible_characters", "must not contain control or invisible formatting characters")
    return value


def _not_reserved(value: str) -> str:
    if value in _RESERVED:
        raise PydanticCustomError("reserved", "{value} is reserved; choose another name", {"value": repr(value)})
    return value


Text = Annotated[str, AfterValidator(_no_line_breaks)]
"""A line of visible characters."""
AlertName = Annotated[str, StringConstraints(pattern=_NAME), AfterValidator(_not_reserved)]
"""1 to 100 letters, digits, `_`, `.` and `-`, beginning and ending with a letter or digit."""
Labels = Annotated[
    dict[Annotated[str, StringConstraints(pattern=_LABEL)], Annotated[Text, Field(max_length=200)]],
    Field(max_length=_MOST_LABELS),
]
"""As Prometheus has them: names of letters, digits and `_`."""


class WebhookAction(Model):
    """A POST to an address when the alert fires, and another when it is resolved."""

    type: Literal["webhook"]
    url: Annotated[str, StringConstraints(pattern=_URL, max_length=2000)]
    method: Literal["POST"] = "POST"


class EmailAction(Model):
    """An e-mail when the alert fires, and another when it is resolved."""

    type: Literal["email"]
    recipients: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=_ADDRESS)], ...],
        Field(min_length=1, max_length=_MOST_RECIPIENTS),
    ]


class ReceiverAction(Model):
    """A receiver that was made before, by its name."""

    type: Literal["receiver"]
    name: Annotated[Text, Field(min_length=1, max_length=100)]


Action = Annotated[WebhookAction | EmailAction | ReceiverAction, Field(discriminator="type")]


class RuleBody(Model):
    """A rule of one tenant, without its name."""

    condition: Annotated[Text, Field(min_length=1, max_length=LONGEST_CONDITION)]
    """Comparisons of a metric or figure with a number, joined by `and` and `or`, with brackets."""
    duration: Annotated[str, AfterValidator(_check_wait), Field(max_length=30)] = "0s"
    """The condition must hold for so long without a break before the alert fires: `30s`, `5m`; `0s` is at once."""
    severity: Severity = "warning"
    actions: Annotated[tuple[Action, ...], Field(max_length=_MOST_ACTIONS)] = ()
    labels: Labels = Field(default_factory=dict)
    runbook: Annotated[str, StringConstraints(pattern=_URL, max_length=2000)] | None = None
    """The address of a page that tells what to do."""
    missing: Missing = Missing.KEEP
    enabled: bool = True

    @property
    def wait(self) -> float:
        """The duration in seconds."""
        return 0.0 if self.duration == "0s" else parse_duration(self.duration)


class AlertRule(RuleBody):
    """A rule of one tenant."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "alert_name": "high_cpu_usage",
                    "condition": "cpu_usage > 80",
                    "duration": "5m",
                    "actions": [
                        {"type": "webhook", "url": "https://your-webhook.com/alerts", "method": "POST"},
                        {"type": "email", "recipients": ["admin@company.com"]},
                    ],
                }
            ]
        }
    )

    alert_name: AlertName
