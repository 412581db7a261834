"""The forms of a notification."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import SMTP

import orjson
import pytest

from services.monitor.notifications.channels.alertmanager import alertmanager_call
from services.monitor.notifications.channels.email import email
from services.monitor.notifications.channels.http_call import Secrets, Target
from services.monitor.notifications.channels.slack import slack_call
from services.monitor.notifications.channels.texts import TEXTS, Language, title
from services.monitor.notifications.channels.webhook import webhook_call
from services.monitor.notifications.signatures import new_secret
from shared.rpc.receivers import Channel, ReceiverSpec
from tests.support.notices import NOON, content, notice

SECRETS = Secrets("https://hooks.example.com/x", None, new_secret(), None)


def target(kind: Channel, secrets: Secrets = SECRETS, language: Language = "en") -> Target:
    return Target(ReceiverSpec(type=kind, language=language), secrets, NOON)


def test_a_webhooks_body_is_the_documented_one() -> None:
    call = webhook_call(content(notice(), notice("b", status="resolved", reason="resolved")), target(Channel.WEBHOOK))
    body = orjson.loads(call.body)
    assert (body["type"], body["timestamp"]) == ("alert.firing", "2031-07-07T12:00:00+00:00")
    data = body["data"]
    assert (data["firing"], data["resolved"], data["severity"]) == (1, 1, "critical")
    assert data["alerts"][0] == {
        "alert_id": "alert-a",
        "fingerprint": f"{'a':0>32}",
        "tenant_id": "acme",
        "name": "high_cpu_usage",
        "severity": "critical",
        "status": "firing",
        "reason": "fired",
        "at": "2031-07-07T12:00:00Z",
        "starts_at": "2031-07-07T12:00:00Z",
        "value": 93.25,
        "condition": "cpu_usage > 80",
        "summary": "cpu_usage is 93.25",
        "labels": {"team": "voice"},
        "runbook": "https://runbooks.example.com/cpu",
        "incident_id": "incident-0123456789ab",
    }
    assert call.headers["webhook-id"] == "ntf-0123456789abcdef"


def test_a_repeated_attempt_has_the_same_body_and_a_new_timestamp() -> None:
    first = webhook_call(content(), target(Channel.WEBHOOK))
    later = webhook_call(content(), target(Channel.WEBHOOK)._replace(now=NOON + timedelta(minutes=1)))
    assert first.body == later.body
    assert first.headers["webhook-timestamp"] != later.headers["webhook-timestamp"]
    assert first.headers["webhook-signature"] != later.headers["webhook-signature"]


def test_secrets_are_in_no_repr() -> None:
    secrets = Secrets("https://hooks.slack.com/services/T0/B0/hunter2", "Bearer hunter3", "whsec_hunter4", None)
    call = slack_call(content(), target(Channel.SLACK, secrets))
    assert call.headers["authorization"] == "Bearer hunter3"
    assert "hunter" not in repr(secrets) + repr(call) + repr(target(Channel.SLACK, secrets))


def test_slack_gets_text_that_mentions_nothing() -> None:
    alert = notice(summary="<!channel> & <https://evil.example.com|click>", labels={"team": "<@U1>"})
    message = orjson.loads(slack_call(content(alert), target(Channel.SLACK)).body)
    text = message["text"] + message["attachments"][0]["text"]
    assert "<" not in text
    assert "&lt;!channel&gt; &amp;" in text
    assert message["attachments"][0]["color"] == "#c62828"


def test_alertmanager_gets_labels_that_it_accepts_and_an_end() -> None:
    alerts = content(
        notice(labels={"a-b": "1", "0c": "2", "empty": "", "alertname": "fake"}),
        notice("b", status="resolved", at=NOON - timedelta(seconds=5)),
    )
    call = alertmanager_call(alerts, target(Channel.ALERTMANAGER))
    assert call.url == "https://hooks.example.com/x/api/v2/alerts"
    firing, resolved = orjson.loads(call.body)
    assert firing["labels"] == {
        "a_b": "1",
        "_0c": "2",
        "alertname": "high_cpu_usage",
        "tenant_id": "acme",
        "severity": "critical",
        "mode": "production",
        "ecp_alert_id": "alert-a",
    }
    assert firing["endsAt"] == "2031-07-07T12:04:00+00:00"
    assert resolved["endsAt"] == "2031-07-07T11:59:55+00:00"
    assert firing["annotations"]["runbook_url"] == "https://runbooks.example.com/cpu"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_an_e_mail_has_a_text_and_an_html_part_in_its_language(language: Language) -> None:
    message = email(content(), "ecp@example.com", ["a@example.com", "b@example.com"], language)
    parsed = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert parsed["To"] == "a@example.com, b@example.com"
    assert parsed["Message-ID"] == "<ntf-0123456789abcdef@example.com>"
    text, html = (part.get_content() for part in parsed.iter_parts())
    word = {"en": "Condition", "ko": "조건"}[language]
    assert f"{word}: cpu_usage > 80" in text
    assert f"{word}</th><td>cpu_usage &gt; 80" in html
    assert (
        parsed["Subject"]
        == {
            "en": "[critical] Firing: high_cpu_usage (acme)",
            "ko": "[심각] 발생: high_cpu_usage (acme)",
        }[language]
    )


def test_no_header_is_injected_into_an_e_mail() -> None:
    alert = notice(name="x\r\nBcc: all@example.com\r\n\r\nbody", summary="</p><script>alert(1)</script>\r\n.\r\nQUIT")
    message = email(content(alert), "ecp@example.com", ["a@example.com"], "en")
    parsed = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert parsed["Bcc"] is None
    assert "\n" not in parsed["Subject"]
    assert (
        "<script>" not in next(part for part in parsed.walk() if part.get_content_type() == "text/html").get_content()
    )
    with pytest.raises(ValueError, match="Header"):
        email(content(), "ecp@example.com", ["a@example.com\r\nBcc: all@example.com"], "en")


def test_a_title_of_several_alerts_counts_them() -> None:
    several = content(
        notice(), notice("b", tenant_id="beta", severity="info"), notice("c", status="resolved"), mode="demo"
    )
    assert title(several, "en") == "[demo] [critical] 2 firing, 1 resolved (acme, beta)"
    assert title(several, "ko") == "[데모] [심각] 발생 2건, 해소 1건 (acme, beta)"


def test_reasons_are_told() -> None:
    assert title(content(notice(reason="escalated")), "en").endswith("(acme), escalated, not acknowledged")
    assert title(content(notice(reason="test")), "ko").startswith("[심각] 시험:")


def test_both_languages_have_the_same_texts() -> None:
    assert set(TEXTS) == {"en", "ko"}
    assert all(all(texts) for texts in TEXTS.values())
