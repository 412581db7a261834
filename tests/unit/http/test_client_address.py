"""From which address a request comes."""

from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.http.addresses import limited_part, proxy_network
from shared.http.client_address import ClientAddress, client_of
from tests.support.asgi import call, echo

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        # Anyone can send the header, and only a proxy of ours is believed.
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        # What a client sends is before what a proxy adds.
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, _hidden, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("2001:db8::1", ["[2606:4700::1]:443"], "2606:4700::1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.2," * 5000 + "10.0.0.2"], "10.0.0.2"),
    ],
)
def test_only_trusted_proxies_name_the_client(peer: str, forwarded: list[str], client: str) -> None:
    assert client_of(peer, forwarded, PROXIES) == client


@pytest.mark.parametrize(
    ("address", "part"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:7:1:2:3:4", "2001:db8:0:7::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_limits_count_an_ipv6_network_as_one(address: str, part: str) -> None:
    assert limited_part(address) == part


@pytest.mark.parametrize("text", ["10.0.0.5", "10.0.0.0/24", "2001:db8::/32"])
def test_a_proxy_is_an_address_or_a_network(text: str) -> None:
    assert str(proxy_network(text)).startswith(text.partition("/")[0])


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.0/33", "10.0.0.1/24", ""])
def test_what_is_no_network_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write addresses or networks"):
        proxy_network(text)


async def test_the_application_sees_the_client() -> None:
    seen: list[Any] = []

    async def looking(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    headers = [(b"x-forwarded-for", b"198.51.100.7")]
    for trusted in (PROXIES, []):
        await call(ClientAddress(looking, trusted), client=("10.0.0.1", 5), headers=headers)
    await call(ClientAddress(looking, PROXIES), client=None, headers=headers)
    assert seen == [("198.51.100.7", 0), ("10.0.0.1", 5), None]


async def test_a_proxy_that_is_not_named_is_reported_now_and_then() -> None:
    now = 0.0
    app = ClientAddress(echo, PROXIES, clock=lambda: now)
    headers = [(b"x-forwarded-for", b"198.51.100.7")]
    with capture_logs() as logs:
        await call(app, client=("10.0.0.1", 5), headers=headers)
        await call(app, client=("192.0.2.1", 5))
        assert logs == []
        for _ in range(100):
            await call(app, client=("192.0.2.1", 5), headers=headers)
        now = 601.0
        await call(app, client=("192.0.2.2", 5), headers=headers)
    assert [(each["action"], each["peer"]) for each in logs] == [
        ("proxy-not-trusted", "192.0.2.1"),
        ("proxy-not-trusted", "192.0.2.2"),
    ]
    assert "TRUSTED_PROXIES" in logs[0]["event"]
