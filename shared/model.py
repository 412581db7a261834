"""The base of everything that travels: bodies of REST, events, requests and replies."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, and deaf to fields that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="ignore")
