"""An e-mail with a text and an HTML part, in English or Korean. Pure.

Nothing from outside reaches a header unchecked: the recipients are plain addresses (`shared.alerts.destinations`), the
subject is one line without control characters, and `EmailMessage` refuses line breaks in headers by itself.
"""

from collections.abc import Iterable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from services.monitor.notifications.channels.texts import Language, facts, headline, title
from services.monitor.notifications.content import AlertNotice, Content

_LONGEST_SUBJECT = 200
_COLOURS = {"critical": "#c62828", "warning": "#f9a825", "info": "#1565c0"}
_RESOLVED = "#2e7d32"


def email(content: Content, sender: str, recipients: Iterable[str], language: Language) -> EmailMessage:
    """The message. Its Message-ID is derived from the notification's id, so that a repeated one is recognised."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = one_line(title(content, language))[:_LONGEST_SUBJECT]
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(content.created_at)
    message["Message-ID"] = f"<{content.notification_id}@{sender.rpartition('@')[2].rstrip('>')}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = language
    message.set_content("\n\n".join(_text(each, language) for each in content.alerts), cte="base64")
    message.add_alternative(_html(content, language), subtype="html", cte="base64")
    return message


def one_line(text: str) -> str:
    """The text without line breaks and other control characters."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _text(alert: AlertNotice, language: Language) -> str:
    lines = [headline(alert, language), alert.summary]
    lines += [f"  {name}: {value}" for name, value in facts(alert, language).items()]
    return "\n".join(one_line(each) if not each.startswith("  ") else f"  {one_line(each)}" for each in lines if each)


def _html(content: Content, language: Language) -> str:
    parts = "".join(_section(each, language) for each in content.alerts)
    head = (
        f'<html lang="{language}"><head><meta charset="utf-8"><title>{escape(title(content, language))}</title></head>'
    )
    return f'<!doctype html>{head}<body style="font-family:sans-serif">{parts}</body></html>'


def _section(alert: AlertNotice, language: Language) -> str:
    colour = _COLOURS[alert.severity] if alert.status == "firing" else _RESOLVED
    rows = "".join(
        f'<tr><th align="left">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in facts(alert, language).items()
    )
    return (
        f'<h2 style="border-left:6px solid {colour};padding-left:8px">{escape(headline(alert, language))}</h2>'
        f"<p>{escape(alert.summary)}</p><table>{rows}</table>"
    )
