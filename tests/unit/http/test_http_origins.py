"""Which hosts and origins are served: the rules, and the middleware that applies them."""

import pytest
from pydantic import ValidationError

from shared.errors import Refused
from shared.http.origins import Authority, Origin, Rules, parse_authority, parse_origin
from shared.http.settings import HttpSettings

OURS = [
    "127.0.0.1",
    "127.0.0.1:8001",
    "127.0.0.1.",
    "10.1.2.3:80",
    "[::1]",
    "[::1]:8001",
    "[2001:DB8::1]:443",
    "localhost",
    "LocalHost:8001",
    "localhost.:8001",
    "localhost:",
    "backend:8001",
    "k8s-simulator-backend:8000",
    "ecp_backend_1",
    "gateway.ecp.svc",
    "gateway.ecp.svc:8001",
    "Gateway.ecp.svc.cluster.local.",
]
FOREIGN = [
    "evil.example",
    "evil.example:8001",
    "127.0.0.1.nip.io",
    "localhost.evil.example",
    "svc.evil.example",
    "svc.cluster.local.evil.example",
    "evilsvc.cluster.local",
    "",
    ":8001",
    "[::1",
    "::1",
    "[evil.example]",
    "localhost:8001:8002",
    "localhost:99999999",
    "user@localhost",
    "localhost/",
    "local host",
    "lоcalhost",  # with a Cyrillic letter
]


@pytest.mark.parametrize("host", OURS)
def test_addresses_and_names_that_no_outsider_can_own_are_ours(host: str) -> None:
    Rules().check_host([host])


@pytest.mark.parametrize("host", FOREIGN)
def test_any_other_host_is_refused_and_the_setting_named(host: str) -> None:
    with pytest.raises(Refused, match="ALLOWED_HOSTS") as refused:
        Rules().check_host([host])
    assert refused.value.code == "MISDIRECTED_REQUEST"


def test_a_configured_host_is_ours_and_a_star_stands_for_what_is_below_it() -> None:
    rules = HttpSettings(allowed_hosts="ecp.example.com, *.Tenants.example.com").rules
    for host in ("ecp.example.com", "ECP.example.com.:443", "a.tenants.example.com", "a.b.tenants.example.com"):
        rules.check_host([host])
    for host in ("example.com", "x.ecp.example.com", "tenants.example.com", "eviltenants.example.com"):
        with pytest.raises(Refused):
            rules.check_host([host])


def test_two_hosts_in_one_request_are_refused_and_none_is_an_old_client() -> None:
    assert Rules().check_host([]) is None
    with pytest.raises(Refused):
        Rules().check_host(["localhost", "evil.example"])


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://localhost:3000", Origin("http", "localhost", 3000)),
        ("https://ECP.example.com", Origin("https", "ecp.example.com", 443)),
        ("http://[::1]", Origin("http", "::1", 80)),
        ("null", None),
        ("", None),
        ("file://", None),
        ("localhost:3000", None),
        ("http://localhost/path", None),
        ("http://a@localhost", None),
        ("https://a, https://b", None),
    ],
)
def test_an_origin_has_a_scheme_a_host_and_a_port(text: str, origin: Origin | None) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "allowed"),
    [
        ("http://127.0.0.1:8001", "127.0.0.1:8001", "http", True),
        ("http://LOCALHOST", "localhost:80", "http", True),
        ("http://[::1]:8001", "[::1]:8001", "http", True),
        # A proxy that ends TLS, whether it tells so or not.
        ("https://ecp.example.com", "ecp.example.com", "http", True),
        ("https://ecp.example.com", "ecp.example.com", "https", True),
        ("https://ecp.example.com:8443", "ecp.example.com:8443", "http", True),
        ("http://ecp.example.com", "ecp.example.com", "https", False),
        ("http://localhost:3001", "localhost:8001", "http", False),
        ("http://localhost", "localhost:8001", "http", False),
        ("https://localhost", "localhost:8001", "http", False),
        ("http://127.0.0.1:8001", "localhost:8001", "http", False),
        ("https://evil.example", "127.0.0.1:8001", "http", False),
        ("null", "127.0.0.1:8001", "http", False),
    ],
)
def test_a_page_of_the_same_host_and_port_is_ours_and_no_other(
    origin: str, host: str, scheme: str, allowed: bool
) -> None:
    authority = parse_authority(host)
    assert isinstance(authority, Authority)
    if allowed:
        assert Rules().check_origin([origin], authority, scheme) is False
    else:
        with pytest.raises(Refused, match="CORS_ORIGINS"):
            Rules().check_origin([origin], authority, scheme)


def test_in_development_the_guides_user_interfaces_may_and_in_production_none() -> None:
    host = Authority("127.0.0.1", 8001)
    for origin in ("http://localhost:3000", "http://127.0.0.1:6390"):
        assert HttpSettings().rules.check_origin([origin], host, "http")
        with pytest.raises(Refused):
            HttpSettings(environment="production").rules.check_origin([origin], host, "http")
    configured = HttpSettings(environment="production", cors_origins="https://UI.example.com").rules
    assert configured.check_origin(["https://ui.example.com"], host, "http")
    assert configured.check_origin(["https://ui.example.com:443"], host, "http")
    with pytest.raises(Refused):
        configured.check_origin(["http://ui.example.com"], host, "http")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allowed_hosts", "*"),
        ("allowed_hosts", "http://a.b"),
        ("cors_origins", "*"),
        ("cors_origins", "ui.example.com"),
    ],
)
def test_a_setting_that_would_open_everything_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match="write"):
        HttpSettings.model_validate({name: value})
