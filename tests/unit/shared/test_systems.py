"""Other systems by name: what a name may be, and what a subject tells of who published it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.gateway.inbound.handlers import event_key, generated_tenant_id
from shared.access import ACCESS
from shared.bus import Delivery
from shared.errors import Refused
from shared.events import OutsideRequest
from shared.subjects import PUBLISHED_BY_OTHERS, Mode, from_outside, split_outside
from shared.systems import MOST, check_name, read_names, stream_of_system
from shared.tenants import check_tenant_id

EVENT = Delivery(
    mode=Mode.DEMO,
    subject="outside.crm.tenant.created",
    event_id="1",
    correlation_id="1",
    time=datetime(2026, 1, 1, tzinfo=UTC),
    stream="DEMO_OUTSIDE_crm",
    sequence=10**9,
    attempt=1,
    durable="gateway-takes-in-outside",
    source="/theirs",
)


@pytest.mark.parametrize("name", ["crm", "a", "7", "a-b-2", "tenant", "a" * 30])
def test_a_name_of_a_system_is_a_dns_label_of_at_most_30_characters(name: str) -> None:
    assert check_name(name) == name
    assert read_names(f" {name}:secret ") == [name]


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "CRM", "a.b", "a_b", "a*", ">", "a b", "a" * 31, "\N{GREEK SMALL LETTER MU}"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(Refused, match="is not a valid name of a system"):
        check_name(name)


@pytest.mark.parametrize("account", ACCESS)
def test_a_system_has_not_the_name_of_an_account_of_ours(account: str) -> None:
    with pytest.raises(Refused, match="account of our own"):
        check_name(account)


def test_there_are_no_more_systems_than_their_dead_letters_have_room() -> None:
    names = [f"system-{number}" for number in range(MOST + 1)]
    assert read_names(" ".join([*names[:MOST], names[0]])) == names[:MOST]
    with pytest.raises(Refused, match="there may be 20 named systems"):
        read_names(" ".join(names))


@pytest.mark.parametrize("system", ["outside", "crm", "tenant", "deploy"])
def test_a_subject_tells_which_system_published_it(system: str) -> None:
    for subject in PUBLISHED_BY_OTHERS:
        assert split_outside(from_outside(subject, system)) == (system, subject)
        assert split_outside(subject) == ("", subject)


def test_the_same_source_and_id_of_two_systems_are_two_events() -> None:
    request = OutsideRequest(subject="tenant.created", fields={})
    of_erp = replace(EVENT, subject="outside.erp.tenant.created")
    assert event_key(request, EVENT) != event_key(request, of_erp)
    assert event_key(request, EVENT) == event_key(request, replace(EVENT, sequence=5))


def test_a_tenant_without_an_id_gets_one_that_fits_whatever_the_system_s_name_is() -> None:
    name = "a" * 30
    event = replace(EVENT, subject=from_outside("tenant.created", name), stream=stream_of_system(Mode.DEMO, name))
    assert check_tenant_id(generated_tenant_id(event)) == generated_tenant_id(event)
