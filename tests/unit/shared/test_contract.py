"""The contract is whole: every subject has one event and one stream, every durable reads what exists."""

from collections import Counter

import pytest
from pydantic import ValidationError

from shared.events import EVENTS, DeployRequested, Event
from shared.subjects import (
    DURABLES,
    PUBLISHED_BY_OTHERS,
    STREAM_SUBJECTS,
    Mode,
    Stream,
    Subject,
    dead_letter,
    split_mode,
)
from shared.tenants import SlaTarget, TenantSpec, parse_duration


def test_every_subject_has_exactly_one_event() -> None:
    assert set(EVENTS) == set(Subject)
    assert len(set(EVENTS.values())) == len(Subject)


def test_every_subject_lies_in_exactly_one_stream() -> None:
    held = Counter(subject for stream in (Stream.ECP, Stream.METRICS) for subject in STREAM_SUBJECTS[stream])
    assert held == Counter(Subject)


def test_events_of_other_systems_have_a_stream_of_their_own_and_one_reader_each() -> None:
    """NATS refuses a second one, since the stream removes finished events."""
    read = Counter(subject for each in DURABLES if each.stream is Stream.OUTSIDE for subject in each.subjects)
    assert read == Counter(STREAM_SUBJECTS[Stream.OUTSIDE])
    assert set(STREAM_SUBJECTS[Stream.OUTSIDE]) == {f"outside.{subject}" for subject in PUBLISHED_BY_OTHERS}


def test_durables_have_names_of_their_own_and_read_their_own_stream() -> None:
    assert len({durable.name for durable in DURABLES}) == len(DURABLES)
    for durable in DURABLES:
        assert set(durable.subjects) <= set(STREAM_SUBJECTS[durable.stream])


@pytest.mark.parametrize("mode", Mode)
def test_a_subject_s_mode_can_be_read_back(mode: Mode) -> None:
    for subject in Subject:
        assert split_mode(mode.subject(subject)) == (mode, subject)
    assert split_mode(dead_letter(mode, "tenant.created")) == (mode, "dlq.tenant.created")


def test_events_are_frozen_and_ignore_fields_that_they_do_not_know() -> None:
    for model in EVENTS.values():
        assert model.model_config["frozen"] is True
        assert model.model_config["extra"] == "ignore"
        assert issubclass(model, Event)


def test_a_request_without_generation_is_no_deployment_yet() -> None:
    spec = TenantSpec(tenant_id="a", name="A", service_requirements={"callbot": 1})
    assert DeployRequested(tenant_id="a", spec=spec, deployment_id="dep-1").deployment is None
    numbered = DeployRequested(tenant_id="a", spec=spec, deployment_id="dep-1", generation=3, target="simulator")
    assert numbered.deployment is not None
    assert numbered.deployment.generation == 3


@pytest.mark.parametrize(
    "tenant_id", ["", "A", "-a", "a-", "a_b", "a.b", "a" * 51, "system", "validate-manifest", "한글", "a\n"]
)
def test_a_bad_or_reserved_tenant_id_is_refused(tenant_id: str) -> None:
    with pytest.raises(ValidationError):
        TenantSpec(tenant_id=tenant_id, name="x", service_requirements={"callbot": 1})


@pytest.mark.parametrize("tenant_id", ["a", "a-b", "0", "a" * 50, "my-ai-service"])
def test_a_dns_label_of_at_most_fifty_characters_is_a_tenant_id(tenant_id: str) -> None:
    spec = TenantSpec(tenant_id=tenant_id, name="x", service_requirements={"callbot": 1})
    assert spec.namespace == f"ecp-ai-{tenant_id}"
    assert len(spec.namespace) <= 63


@pytest.mark.parametrize("value", ["100%", "0%", "-1%", "abc", "", "99,9%", "nan", "1e2", True, None, "101", "٩٩.٩%"])
def test_an_impossible_availability_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        SlaTarget.model_validate({"availability": value})


def test_an_availability_may_be_a_number_or_text() -> None:
    assert SlaTarget.model_validate({"availability": 99.9}).availability == "99.9%"
    assert SlaTarget.model_validate({"availability": "99.95"}).availability_ratio == pytest.approx(0.9995)


@pytest.mark.parametrize(("text", "seconds"), [("200ms", 0.2), ("30s", 30), ("5m", 300), ("1h", 3600), ("1.5s", 1.5)])
def test_durations_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0ms", "-5s", "5", "5 days", "ms", "1e3s", "9" * 400 + "s", "٥m"])
def test_a_duration_without_sense_is_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["999999999h", "169h", "0.000001ms"])
def test_a_duration_that_is_too_long_to_wait_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 1ms to 168h"):
        parse_duration(text)


@pytest.mark.parametrize("name", ["", "   ", "\u202egnirts", "a\x7f", "a\x85b", "a\u2028b", "\ud800"])
def test_a_name_with_invisible_characters_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TenantSpec(tenant_id="a", name=name, service_requirements={"callbot": 1})


@pytest.mark.parametrize("name", ["내 AI 서비스", "Ünïcödé ☎", "a\tb"])
def test_a_name_in_any_script_is_fine(name: str) -> None:
    assert TenantSpec(tenant_id="a", name=name, service_requirements={"callbot": 1}).name == name
