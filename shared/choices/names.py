"""Types of names and numbers that Kubernetes accepts, with errors that show what to write instead."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from shared.kube.semantics.names import label_value_faults, qualified_faults, subdomain_faults
from shared.messages import sentence, unfit

_SHOWN = 50
"""Characters of a refused value in an error."""
_PATH = re.compile(r"/[!-~]{0,199}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)


def shown(value: object) -> str:
    """The start of a refused value, quoted."""
    return repr(str(value)[:_SHOWN])


def as_text(value: Any) -> Any:
    """A number as it would be written: clients send `2` where `"2"` is meant."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def check_printable(value: str) -> str:
    """A text without control characters: PostgreSQL can't store U+0000. Raises PydanticCustomError."""
    if any(not character.isprintable() and character not in "\n\t" for character in value):
        raise unfit(sentence("value-not_printable", "must not contain control characters"))
    return value


def no_boolean(value: Any) -> Any:
    """Refuse true and false, which pydantic takes for 1 and 0. Raises PydanticCustomError."""
    if isinstance(value, bool):
        raise unfit(sentence("value-not_a_number", "must be a number"))
    return value


def _check_object_name(value: str) -> str:
    if subdomain_faults(value):
        english = "{value} is not a name: write lower-case letters, digits, '-' and '.', as registry-login"
        raise unfit(sentence("value-not_an_object_name", english, value=shown(value)))
    return value


def _check_host(value: str) -> str:
    if subdomain_faults(value) or "." not in value:
        english = "{value} is not a host name: write a DNS name, as voice.example.com"
        raise unfit(sentence("value-not_a_host_name", english, value=shown(value)))
    return value


def _check_label_key(value: str) -> str:
    if qualified_faults(value):
        english = "{value} is not the name of a label: write a name with an optional DNS prefix, as example.com/team"
        raise unfit(sentence("value-not_a_label_name", english, value=shown(value)))
    return value


def _check_label_value(value: str) -> str:
    if label_value_faults(value):
        english = "{value} is not the value of a label: write at most 63 letters, digits, '-', '_' and '.'"
        raise unfit(sentence("value-not_a_label_value", english, value=shown(value)))
    return value


def _check_path(value: str) -> str:
    if not _PATH.fullmatch(value):
        english = "{value} is not a path: write '/' and at most 199 visible ASCII characters, as /health"
        raise unfit(sentence("value-not_a_path", english, value=shown(value)))
    return value


def _check_variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        english = "{value} is not a variable: write letters, digits and '_', not beginning with a digit, as LOG_LEVEL"
        raise unfit(sentence("value-not_a_variable", english, value=shown(value)))
    return value


ObjectName = Annotated[str, AfterValidator(_check_object_name), Field(json_schema_extra={"maxLength": 253})]
"""The name of a Secret, StorageClass, RuntimeClass, IngressClass or Namespace."""
HostName = Annotated[str, AfterValidator(_check_host), Field(json_schema_extra={"maxLength": 253})]
LabelKey = Annotated[str, AfterValidator(_check_label_key), Field(json_schema_extra={"maxLength": 317})]
LabelValue = Annotated[
    str, BeforeValidator(as_text), AfterValidator(_check_label_value), Field(json_schema_extra={"maxLength": 63})
]
HealthPath = Annotated[
    str, AfterValidator(_check_path), Field(json_schema_extra={"pattern": f"^{_PATH.pattern}$", "example": "/health"})
]
VariableName = Annotated[
    str, AfterValidator(_check_variable), Field(json_schema_extra={"pattern": f"^{_VARIABLE.pattern}$"})
]
# The limits first: behind a validator they hold, but the documents of the API lack them.
ReplicaCount = Annotated[int, Field(ge=1, le=10_000), BeforeValidator(no_boolean)]
Percent = Annotated[int, Field(ge=10, le=95), BeforeValidator(no_boolean)]
Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(no_boolean)]
