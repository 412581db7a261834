"""The form of API keys and tickets, and what is stored of them."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.keys.key_record import KeyRecord
from services.gateway.keys.key_text import PATTERN, KeyText, digest_of, new_id, new_key, parse_key
from services.gateway.socket_tickets.stored_caller import from_fields, to_fields
from services.gateway.socket_tickets.ticket_text import mode_of, new_ticket
from shared.identity.caller import LOCAL, Caller, CallerKind, Role
from shared.subjects import Mode

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_key_names_its_mode_and_its_id(mode: Mode) -> None:
    key_id = new_id()
    text = new_key(mode, key_id)
    assert parse_key(text) == KeyText(mode, key_id)
    assert text.startswith("ecp_")
    assert text.replace("_", "").isalnum()


def test_a_secret_scanner_finds_a_key_in_a_text() -> None:
    key = new_key(Mode.DEMO, new_id())
    assert re.findall(PATTERN, f"ECP_TOKEN={key}\n") == [key]


def test_keys_of_one_id_differ_in_their_secret() -> None:
    assert len({new_key(Mode.DEMO, "abc") for _ in range(20)}) == 20


def test_each_changed_character_is_noticed_without_the_database() -> None:
    key = new_key(Mode.PRODUCTION, new_id())
    changed = [f"{key[:place]}{'a' if letter != 'a' else 'b'}{key[place + 1 :]}" for place, letter in enumerate(key)]
    assert [text for text in changed if parse_key(text) is not None] == []


@pytest.mark.parametrize(
    "text", ["", "ecp_", "ecp_prod", "ecp_prod_x", "ecp_" + "x" * 100_000, "ecp_prod_\u0661" + "0" * 60]
)
def test_what_only_begins_like_a_key_is_none(text: str) -> None:
    assert parse_key(text) is None


def test_a_key_with_a_line_break_behind_it_is_none() -> None:
    assert parse_key(new_key(Mode.DEMO, new_id()) + "\n") is None


def record(**changes: object) -> KeyRecord:
    fields = {
        "key_id": "k1",
        "digest": digest_of("present"),
        "role": Role.OPERATOR,
        "tenants": frozenset({"a"}),
        "expires_at": NOW + HOUR,
    }
    return KeyRecord(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_secret_ends_with_its_key_and_a_previous_one_with_its_overlap() -> None:
    rotated = record(previous_digest=digest_of("previous"), previous_until=NOW)
    assert rotated.end_of(digest_of("present")) == NOW + HOUR
    assert rotated.end_of(digest_of("previous")) == NOW
    assert rotated.end_of(digest_of("other")) is None


def test_a_previous_secret_never_outlives_its_key() -> None:
    rotated = record(previous_digest=digest_of("previous"), previous_until=NOW + 2 * HOUR)
    assert rotated.end_of(digest_of("previous")) == NOW + HOUR


def test_a_key_without_a_rotation_has_one_secret() -> None:
    assert record().end_of(b"") is None


def test_the_caller_has_the_rights_of_its_key_and_its_end() -> None:
    caller = record().caller(b"\x01\xff", NOW)
    rights = ("k1", CallerKind.KEY, Role.OPERATOR, frozenset({"a"}))
    assert caller == Caller(*rights, expires_at=NOW.timestamp(), proven_by="01ff")


@pytest.mark.parametrize(
    "caller", [LOCAL, Caller("x", CallerKind.PERSON, None, frozenset({"b", "a"}), "x@example.com", 12.5, "01ff")]
)
def test_a_ticket_gives_back_the_caller_that_it_was_made_for(caller: Caller) -> None:
    assert from_fields(to_fields(caller)) == caller


@pytest.mark.parametrize("mode", list(Mode))
def test_a_ticket_names_its_mode(mode: Mode) -> None:
    assert mode_of(new_ticket(mode)) is mode


@pytest.mark.parametrize("text", ["", "ecpt_", "ecpt_prod_short", "ecpt_other_" + "x" * 43, "ecpt_prod_" + "x" * 44])
def test_what_is_no_ticket_has_no_mode(text: str) -> None:
    assert mode_of(text) is None
