"""A message for Slack's incoming webhooks, and for what accepts the same, such as Mattermost. Pure."""

import orjson

from services.monitor.notifications.channels.http_call import HttpCall, Target, json_headers
from services.monitor.notifications.channels.texts import Language, facts, headline, title
from services.monitor.notifications.content import AlertNotice, Content

MOST_ALERTS = 40
"""In one message: Slack cuts a text at 40,000 characters."""
_LONGEST = 900
"""Characters of one alert."""
_COLOURS = {"critical": "#c62828", "warning": "#f9a825", "info": "#1565c0"}
_RESOLVED = "#2e7d32"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def slack_call(content: Content, target: Target) -> HttpCall:
    """The message, with a line for each alert."""
    language = target.spec.language
    lines = [_lines(each, language) for each in content.alerts]
    colour = _COLOURS[content.most_severe] if content.firing else _RESOLVED
    head = _escaped(title(content, language))
    message = {
        "text": head,
        "attachments": [{"color": colour, "fallback": head, "text": "\n".join(lines), "mrkdwn_in": ["text"]}],
    }
    return HttpCall("POST", target.secrets.url or "", json_headers(target.secrets), orjson.dumps(message))


def _lines(alert: AlertNotice, language: Language) -> str:
    known = " · ".join(f"{name}: {value}" for name, value in facts(alert, language).items())
    return f"*{_escaped(headline(alert, language))}*\n{_escaped(alert.summary)}\n{_escaped(known)}"


def _escaped(text: str) -> str:
    """Slack's control characters as text, so that a label can't mention a channel or make a link."""
    return text[:_LONGEST].translate(_ESCAPES)
