"""Where notifications may be sent."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.addresses import is_refused, literal
from shared.alerts.destinations import email_problem, url_problem

PRIVATE = (
    "10.1.2.3",
    "127.0.0.1",
    "127.9.9.9",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.9",
    "::1",
    "fc00::1",
    "fdff::1",
    "fec0::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::c0a8:101",
    "2002:0a00:0001::1",
    "2002:7f00:0001::",
    "::127.0.0.1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "100::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
)
NEVER = (
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "0.0.0.0",  # noqa: S104 - refused
    "::",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
)
PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:0808:0808::1")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_unless_they_are_allowed(address: str) -> None:
    assert is_refused(ip_address(address), allow_private=False)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_multicast_are_refused_always(address: str) -> None:
    assert is_refused(ip_address(address), allow_private=False)
    assert is_refused(ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert not is_refused(ip_address(address), allow_private=False)


def test_loopback_is_allowed_in_development() -> None:
    assert not is_refused(ip_address("127.0.0.1"), allow_private=True)
    assert not is_refused(ip_address("::1"), allow_private=True)


@given(st.ip_addresses(v=4))
def test_an_address_inside_of_another_is_judged_as_itself(address: IPv4Address) -> None:
    number = int(address)
    inside = (
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address((0x64FF9B << 96) | number),
        IPv6Address((0x2002 << 112) | (number << 80) | 1),
    )
    for each in inside:
        assert is_refused(each, allow_private=False) >= is_refused(address, allow_private=False)


def test_a_zone_and_brackets_are_no_part_of_an_address() -> None:
    assert literal("[fe80::1%eth0]") == ip_address("fe80::1")
    assert literal("hooks.example.com") is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://hooks.example.com/alerts?x=1", None),
        ("http://hooks.example.com:8080/", None),
        ("http://8.8.8.8/", None),
        ("ftp://hooks.example.com/", "receiver-url-form"),
        ("hooks.example.com/alerts", "receiver-url-form"),
        ("https:///alerts", "receiver-url-form"),
        ("https://hooks.example.com:99999/", "receiver-url-form"),
        ("https://[::1/", "receiver-url-form"),
        ("https://user:secret@hooks.example.com/", "receiver-url-user"),
        ("https://hooks.example.com/\r\nHost: other", "receiver-url-text"),
        ("https://훅.example.com/", "receiver-url-text"),
        ("https://hooks.example.com/" + "a" * 2000, "receiver-url-text"),
        ("http://2130706433/", "receiver-url-number"),
        ("http://0x7f.1/", "receiver-url-number"),
        ("http://127.1/", "receiver-url-number"),
        ("http://169.254.169.254/latest/meta-data/", "receiver-url-private"),
        ("http://[::ffff:169.254.169.254]/", "receiver-url-private"),
        ("http://[fd00:ec2::254]/", "receiver-url-private"),
        ("http://127.0.0.1:9/", "receiver-url-private"),
        ("http://localhost:8001/", "receiver-url-private"),
        ("http://api.localhost./", "receiver-url-private"),
    ],
)
def test_a_url_is_checked_before_it_is_stored(url: str, problem: str | None) -> None:
    found = url_problem(url, allow_private=False)
    assert (found.message.id if found else None) == problem


def test_the_metadata_address_is_no_receiver_in_development_either() -> None:
    assert url_problem("http://127.0.0.1:9999/hook", allow_private=True) is None
    assert url_problem("http://169.254.169.254/", allow_private=True) is not None


def test_a_refused_url_is_not_repeated_in_the_error() -> None:
    found = url_problem("https://user:hunter2@hooks.example.com/", allow_private=False)
    assert found is not None
    assert "hunter2" not in found.english + str(found.message)


@pytest.mark.parametrize("address", ["admin@company.com", "on-call+ecp@ops.example.co.kr", "a@b"])
def test_plain_addresses_get_e_mails(address: str) -> None:
    assert email_problem(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "admin",
        "admin@",
        "@example.com",
        "a@b@c",
        "admin@example.com\r\nBcc: all@example.com",
        "admin@example.com\n",
        "Admin <admin@example.com>",
        "a@example..com",
        "=?utf-8?q?=0d=0aBcc?=@example.com",
        "a@example.com, b@example.com",
        "관리자@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 300,
    ],
)
def test_anything_else_gets_none(address: str) -> None:
    assert email_problem(address) is not None
