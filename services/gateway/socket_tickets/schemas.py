"""The answer with a ticket."""

from pydantic import AwareDatetime, Field

from shared.tenants import Model


class SocketTicket(Model):
    """What opens one WebSocket."""

    ticket: str = Field(examples=["ecpt_<secret>"])
    """For the URL of the socket: `?ticket=<ticket>`."""
    expires_at: AwareDatetime
    """30 s after it was made."""
