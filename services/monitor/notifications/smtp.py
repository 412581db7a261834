"""E-mails by the SMTP server of the settings."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import aiosmtplib
import structlog

from services.monitor.notifications.channels.email import email
from services.monitor.notifications.channels.texts import Language
from services.monitor.notifications.content import Content
from services.monitor.notifications.delivery_rules import Failure

Security = Literal["starttls", "tls", "none"]
TOTAL_SECONDS = 20.0
"""For a whole session, however many recipients it has: a lease outlasts it (`sender`)."""
STEP_SECONDS = 10.0
"""For each step, the farewell after a session that took too long among them."""
_log = structlog.get_logger(__name__)


class SmtpServer(NamedTuple):
    """Where e-mails are handed over. The password is read when it is needed, since its file may change."""

    host: str | None
    port: int
    sender: str
    security: Security
    username: str | None
    password: Callable[[], str | None]


class Smtp:
    """The SMTP client of a monitor's notifications."""

    def __init__(self, server: SmtpServer, *, total_seconds: float = TOTAL_SECONDS) -> None:
        self._server = server
        self._total_seconds = total_seconds

    async def send(self, content: Content, recipients: Sequence[str], language: Language) -> Failure | None:
        """Hand an e-mail over; why that failed, or None. It is done if the server accepts one recipient or more."""
        server = self._server
        if server.host is None:
            return Failure("no SMTP server is set: SMTP_HOST")
        message = email(content, server.sender, recipients, language)
        try:
            async with asyncio.timeout(self._total_seconds):
                refused, _ = await aiosmtplib.send(
                    message,
                    recipients=list(recipients),
                    hostname=server.host,
                    port=server.port,
                    username=server.username,
                    password=server.password(),
                    use_tls=server.security == "tls",
                    start_tls=server.security == "starttls",
                    timeout=STEP_SECONDS,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            permanent = all(each.code >= 500 for each in error.recipients)
            return Failure("the SMTP server refuses all recipients", concerns_content=permanent)
        except aiosmtplib.SMTPResponseException as error:
            return Failure(_reason(error), concerns_content=error.code in (552, 554))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return Failure(f"SMTP: no e-mail handed over ({type(error).__name__})")
        if refused:
            _log.warning(
                f"The SMTP server refused {len(refused)} of {len(recipients)} recipients of a notification.",
                action="recipients-refused",
                notification_id=content.notification_id,
            )
        return None


def _reason(error: aiosmtplib.SMTPResponseException) -> str:
    """The server's code and never its text, which may repeat what was sent."""
    what = "refuses the login" if isinstance(error, aiosmtplib.SMTPAuthenticationError) else "refuses"
    return f"the SMTP server {what}: {error.code}"
