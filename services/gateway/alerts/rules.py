"""What the gateway itself refuses about alert rules. Pure."""

from pydantic import TypeAdapter, ValidationError

from shared.alerts.rule import AlertName
from shared.errors import Refused

_NAME: TypeAdapter[str] = TypeAdapter(AlertName)


def possible_name(name: str) -> str:
    """`name`, if a rule can have it. Raises Refused (NOT_FOUND) otherwise."""
    try:
        return _NAME.validate_python(name)
    except ValidationError as error:
        raise rule_not_found(name) from error


def rule_not_found(name: str) -> Refused:
    """NOT_FOUND for a rule that the tenant doesn't have."""
    return Refused(
        f"the tenant has no alert rule {name!r}",
        code="NOT_FOUND",
        message_id="alert-rule-not-found",
        details={"name": repr(name)},
    )
