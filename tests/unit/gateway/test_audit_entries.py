"""What a row of the audit trail has: changed fields only, bounded, and without secrets."""

import json
from typing import Any

import pytest

from services.gateway.audit.entries import MOST_BYTES, caller_values, changed_fields, storable
from services.gateway.http.request_context import RequestContext
from shared.identity.caller import Caller, CallerKind, Role


def changes(before: Any, after: Any) -> tuple[Any, Any]:
    earlier, later = changed_fields(before, after)
    return json.loads(earlier or "null"), json.loads(later or "null")


def test_only_changed_fields_are_kept_at_every_depth() -> None:
    before = {"name": "a", "services": {"callbot": 50, "stt": 1}, "same": [1]}
    after = {"name": "a", "services": {"callbot": 75, "tts": 2}, "same": [1]}
    assert changes(before, after) == (
        {"services": {"callbot": 50, "stt": 1}},
        {"services": {"callbot": 75, "tts": 2}},
    )


def test_a_creation_has_all_fields_after_and_a_deletion_all_before() -> None:
    assert changes(None, {"a": 1}) == (None, {"a": 1})
    assert changes({"a": 1}, None) == ({"a": 1}, None)
    assert changes(None, None) == (None, None)
    assert changes({"a": 1}, {"a": 1}) == ({}, {})


@pytest.mark.parametrize(
    "name",
    [
        *("password", "DB_PASSWORD", "SMTP_PASS", "DB_PWD", "pass", "Passphrase", "client_secret", "access_token"),
        *("apiKey", "api_key", "SIGNING_KEY", "encryption-key", "Authorization", "key_hash"),
    ],
)
def test_secrets_are_masked_by_the_name_of_their_field_and_that_they_changed_is_kept(name: str) -> None:
    before, after = changes({"environment": {name: "marked-1"}}, {"environment": {name: "marked-2"}})
    assert before == after == {"environment": {name: "***"}}


@pytest.mark.parametrize("name", ["key", "key_id", "keyboard", "compass", "bypass", "passenger", "monkey"])
def test_other_names_are_not_taken_for_secrets(name: str) -> None:
    assert changes(None, {name: "shown"}) == (None, {name: "shown"})


def test_a_password_in_an_address_is_masked() -> None:
    _, after = changes(None, {"address": "postgresql://user:marked@host/db", "list": ["https://a:marked@b/"]})
    assert after == {"address": "postgresql://user:***@host/db", "list": ["https://a:***@b/"]}


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "x" * 100_000},
        {"list": list(range(10_000))},
        {f"field-{number}": "y" * 200 for number in range(1000)},
        {"deep": json.loads("[" * 60 + "]" * 60)},
        {"deep": json.loads('{"a":' * 60 + "1" + "}" * 60)},
        {"k" * 10_000: 1},
        {f"{'k' * 300}{number}": "z" * 299 for number in range(50)},
    ],
)
def test_fields_are_bounded_whatever_they_have(fields: dict[str, Any]) -> None:
    _, text = changed_fields(None, fields)
    assert text is not None
    assert len(text.encode()) <= MOST_BYTES
    assert isinstance(json.loads(text), dict)


def test_what_postgresql_or_json_can_t_have_is_replaced() -> None:
    _, after = changes(None, {"nul": "a\x00b", "lone": "\ud800", "big": 10**30, 5: "number as name"})
    assert after == {"nul": "a\ufffdb", "lone": "?", "big": str(10**30), "5": "number as name"}
    values = storable({"subject": "s\x00" * 500, "user_agent": "\udfff", "repeats": 3, "email": None})
    assert len(values["subject"]) == 255
    assert "\x00" not in values["subject"]
    assert values["user_agent"] == "?"
    assert values["repeats"] == 3


def test_a_row_has_the_caller_and_where_the_call_came_from() -> None:
    caller = Caller("sub-1", CallerKind.KEY, Role.ADMIN, None, "a@example.com")
    request = RequestContext("req-1", caller=caller, address="192.0.2.1", user_agent="curl/8")
    assert caller_values(request) == {
        "subject": "sub-1",
        "kind": "key",
        "role": "admin",
        "email": "a@example.com",
        "address": "192.0.2.1",
        "user_agent": "curl/8",
        "request_id": "req-1",
    }
