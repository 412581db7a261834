"""Ports that can't be had are named before anything starts."""

import socket

import pytest

from embedded import ports
from embedded.errors import EmbeddedError
from embedded.ports import Port, check_ports, free_ports, share_ports


def test_free_ports_pass() -> None:
    check_ports(Port(number, "SOME_PORT", "something") for number in free_ports(3))


def test_all_ports_in_use_are_named_at_once_with_their_variables() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        first, second, free = one.getsockname()[1], other.getsockname()[1], free_ports(1)[0]

        with pytest.raises(EmbeddedError) as refusal:
            check_ports(
                [
                    Port(first, "GATEWAY_PORT", "gateway"),
                    Port(free, "NATS_PORT", "NATS"),
                    Port(second, "DATABASE_PORT", "PostgreSQL"),
                ]
            )

    assert f"{first}  gateway: in use; choose another with GATEWAY_PORT=<port>" in str(refusal.value)
    assert "DATABASE_PORT=<port>" in str(refusal.value)
    assert "NATS_PORT" not in str(refusal.value)


def test_a_server_on_every_address_takes_the_port_too() -> None:
    with socket.create_server(("", 0)) as server, pytest.raises(EmbeddedError, match="in use"):
        check_ports([Port(server.getsockname()[1], "GATEWAY_PORT", "gateway")])


def test_a_port_wanted_twice_is_named_with_both_who_want_it() -> None:
    number = free_ports(1)[0]

    with pytest.raises(EmbeddedError, match=r"wanted by gateway \(GATEWAY_PORT\) as well"):
        check_ports([Port(number, "GATEWAY_PORT", "gateway"), Port(number, "NATS_PORT", "NATS")])


def test_a_port_that_was_just_closed_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", number))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first is left in TIME_WAIT
        client.close()

    check_ports([Port(number, "GATEWAY_PORT", "gateway")])


def test_free_ports_differ_and_a_port_isn_t_chosen_again_soon() -> None:
    assert len({port for _ in range(20) for port in free_ports(20)}) == 400


def test_processes_that_share_the_ports_choose_different_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_candidates", [])
    chosen = []
    for index in range(3):
        share_ports(index, 3)
        chosen.append(set(free_ports(200)))
    assert len(set.union(*chosen)) == 600
