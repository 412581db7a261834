"""The samples of a slice in as few events as fit."""

from datetime import UTC, datetime

import pytest

from services.monitor.collect.slice_events import LARGEST_BYTES, slice_events
from services.monitor.handlers import samples_of
from shared.bus import encode
from shared.events import MetricsSampled, TenantSample
from shared.subjects import Mode

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VALUES = dict.fromkeys(("cpu", "memory", "gpu", "pods_ready", "pods_wanted", "available"), -1.2345678901234567e-300)


def sample(tenant_id: str, services: int = 4, name: str = "callbot") -> TenantSample:
    return TenantSample(
        tenant_id=tenant_id, values=VALUES, services={f"{name}-{number}": True for number in range(services)}
    )


def size(event: MetricsSampled) -> int:
    return len(encode(event, mode=Mode.DEMO, event_id="e", correlation_id="c", source="monitor").body)


def test_a_slice_without_samples_has_no_event() -> None:
    assert list(slice_events(NOON, "kubernetes", [])) == []


def test_a_hundred_tenants_fit_into_one_event() -> None:
    samples = [sample(f"tenant-{number:04}") for number in range(100)]
    [event] = slice_events(NOON, "kubernetes", reversed(samples))
    assert (event.time, event.source, list(event.samples)) == (NOON, "kubernetes", samples)


@pytest.mark.parametrize("name", ["callbot", "통화봇", "\x01\x02"])
def test_a_thousand_tenants_are_divided_by_size_and_each_is_in_one_event(name: str) -> None:
    samples = [sample(f"tenant-{number:04}", name=name) for number in range(1000)]
    events = list(slice_events(NOON, "kubernetes", samples))
    assert [each for event in events for each in event.samples] == samples
    assert 1 < len(events) < 10
    assert max(map(size, events)) <= LARGEST_BYTES + 200


def test_a_tenant_that_is_larger_than_the_limit_is_alone() -> None:
    large = sample("m-large", services=4000)
    events = list(slice_events(NOON, "kubernetes", [sample("a"), large, sample("z")]))
    assert [[each.tenant_id for each in event.samples] for event in events] == [["a"], ["m-large"], ["z"]]


def test_an_event_has_each_tenant_in_the_form_of_one() -> None:
    [event] = slice_events(NOON, "kubernetes", [sample("acme")])
    [collected] = samples_of(event)
    assert (collected.tenant_id, collected.time, collected.source) == ("acme", NOON, "kubernetes")
    assert (collected.values, collected.services) == (VALUES, sample("acme").services)


def test_an_event_about_many_tenants_names_none_in_its_envelope() -> None:
    [event] = slice_events(NOON, "kubernetes", [sample("acme")])
    encoded = encode(event, mode=Mode.DEMO, event_id="e", correlation_id="c", source="monitor")
    assert "ce-subject" not in encoded.headers
    assert b'"tenant_id":""' not in encoded.body
