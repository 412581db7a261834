"""Times, bytes and numbers that don't fit, in the words of Go."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kube.definitions import definitions
from shared.kube.texts import base64_fault, time_fault
from shared.kube.validation import DecodeError, decode

LAYOUT = '"2006-01-02T15:04:05Z07:00"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2024-01-01", 'cannot parse "" as "T"'),
        ("now", 'cannot parse "now" as "2006"'),
        ("2024-01-01T00:00:00", 'cannot parse "" as "Z07:00"'),
        ("2024-01-01T00:00:00Z.", 'extra text: "."'),
        ("2024-13-01T00:00:00Z", "month out of range"),
        ("2023-02-29T00:00:00Z", "day out of range"),
        ("2024-01-01T24:00:00Z", "hour out of range"),
    ],
)
def test_what_is_no_time_is_refused_in_gos_words(text: str, message: str) -> None:
    assert time_fault(text) == f'parsing time "{text}" as {LAYOUT}: {message}'


@given(st.datetimes())
def test_every_time_of_rfc_3339_is_one(time: Any) -> None:
    assert time_fault(time.isoformat() + "Z") is None
    assert time_fault(time.isoformat() + "+09:00") is None


@given(st.binary())
def test_what_is_encoded_is_base64(raw: bytes) -> None:
    assert base64_fault(base64.b64encode(raw).decode()) is None
    assert base64_fault(base64.encodebytes(raw).decode()) is None


@pytest.mark.parametrize(("text", "byte"), [("###", 0), ("YQ", 0), ("YWJjZ", 4), ("YWJj!WJj", 4), ("YQ=", 2)])
def test_what_is_no_base64_is_refused_with_its_place(text: str, byte: int) -> None:
    assert base64_fault(text) == f"illegal base64 data at input byte {byte}"


def refused(group: str, version: str, obj: dict[str, Any]) -> tuple[str, str]:
    schema = definitions().for_kind(group, version, obj["kind"])
    assert schema is not None
    with pytest.raises(DecodeError) as error:
        decode(obj, schema)
    return error.value.path, str(error.value)


def test_a_secret_is_base64() -> None:
    path, message = refused("", "v1", {"kind": "Secret", "data": {"a": "plain text"}})
    assert (path, message) == ("data", "illegal base64 data at input byte 5")


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 10**18])
def test_a_number_has_to_fit_its_type(number: int) -> None:
    _, message = refused("apps", "v1", {"kind": "Deployment", "spec": {"replicas": number}})
    field = "DeploymentSpec.spec.replicas of type int32"
    assert message == f"json: cannot unmarshal number {number} into Go struct field {field}"
