"""What all events have in common."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.subjects import Subject
from shared.tenants import Model

Generation = Annotated[int, Field(ge=1)]


class Event(Model):
    """Base of all events. `subject` is the one that carries it; `tenant_id` is the CloudEvents subject."""

    subject: ClassVar[Subject]
    tenant_id: str
