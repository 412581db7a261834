"""The role and the tenants of other systems on the bus, from a file that may change."""

import json
from pathlib import Path
from typing import Any

import pytest

from embedded import bus_roles, systems
from embedded.accounts import passwords
from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.settings import EmbeddedSettings
from shared.errors import DependencyUnavailable
from shared.identity.caller import CallerKind, Role
from shared.identity.systems import OutsideSystems


def write(file: Path, content: Any) -> None:
    """Another file each time, whatever the clock's resolution is."""
    partial = file.with_suffix(".new")
    partial.write_text(content if isinstance(content, str) else json.dumps(content))
    partial.replace(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "roles.json"


def test_without_a_file_every_system_may_do_everything() -> None:
    caller = OutsideSystems(None).caller("crm")
    assert (caller.subject, caller.kind, caller.role, caller.tenants) == ("crm", CallerKind.SYSTEM, Role.ADMIN, None)


def test_an_entry_bounds_its_system_and_a_star_every_other(file: Path) -> None:
    write(file, {"crm": {"role": "operator", "tenants": ["acme"]}, "*": {"role": "viewer", "tenants": []}})
    systems = OutsideSystems(file)
    assert (systems.caller("crm").role, systems.caller("crm").tenants) == (Role.OPERATOR, {"acme"})
    assert (systems.caller("erp").role, systems.caller("erp").tenants) == (Role.VIEWER, frozenset())


def test_a_role_without_tenants_sees_all_and_an_administrator_always_does(file: Path) -> None:
    write(file, {"crm": {"role": "viewer"}, "erp": {"role": "admin", "tenants": ["acme"]}})
    systems = OutsideSystems(file)
    assert systems.caller("crm").tenants is None
    assert systems.caller("erp").tenants is None
    assert systems.caller("other").role is Role.ADMIN


def test_a_change_of_the_file_holds_for_the_next_event(file: Path) -> None:
    systems = OutsideSystems(file)
    for role in (Role.VIEWER, Role.OPERATOR, Role.VIEWER):
        write(file, {"crm": {"role": role.value}})
        assert systems.caller("crm").role is role


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "line 1"),
        ("[]", "dictionary"),
        ({"crm": {"role": "king"}}, "crm.role"),
        ({"crm": {}}, "crm.role"),
        ({"crm": {"role": "operator", "tenant": ["acme"]}}, "crm.tenant: Extra"),
    ],
)
def test_a_file_that_can_t_be_read_stops_all_systems_and_names_the_place(file: Path, content: Any, named: str) -> None:
    write(file, {"crm": {"role": "admin"}})
    systems = OutsideSystems(file)
    systems.caller("crm")
    write(file, content)
    for _ in range(2):  # it isn't remembered as read
        with pytest.raises(DependencyUnavailable, match=named):
            systems.caller("crm")
    file.unlink()
    with pytest.raises(DependencyUnavailable):
        systems.caller("crm")


def test_the_command_writes_what_the_services_read(file: Path) -> None:
    bus_roles.prepare(file)
    systems = OutsideSystems(file)
    assert systems.caller("crm").role is Role.ADMIN
    bus_roles.put(file, "crm", Role.OPERATOR, ["b", "a", "a"])
    bus_roles.put(file, "erp", Role.VIEWER, None)
    assert (systems.caller("crm").role, systems.caller("crm").tenants) == (Role.OPERATOR, {"a", "b"})
    assert systems.caller("erp").tenants is None
    bus_roles.put(file, "crm", None, None)
    assert systems.caller("crm").role is Role.ADMIN
    assert systems.caller("erp").role is Role.VIEWER
    assert file.stat().st_mode & 0o077 == 0


def test_the_command_refuses_a_damaged_file_and_leaves_it(file: Path) -> None:
    write(file, "{")
    with pytest.raises(EmbeddedError, match="repair it"):
        bus_roles.put(file, "crm", Role.VIEWER, None)
    assert file.read_text() == "{"


async def test_a_system_gets_no_account_before_its_role_is_stored(tmp_path: Path) -> None:
    directory = DataDirectory.prepare(tmp_path / ".ecp")
    settings = EmbeddedSettings.read(data_dir=directory.root)
    passwords(directory.bus_passwords)
    write(directory.bus_roles, "{")
    with pytest.raises(EmbeddedError, match="repair it"):
        await systems.add(settings, "crm", Role.VIEWER, ["acme"])
    assert systems.names(settings) == []
    directory.bus_roles.unlink()
    await systems.add(settings, "crm", Role.VIEWER, ["acme"])
    with pytest.raises(EmbeddedError, match="there already"):
        await systems.add(settings, "crm")  # which must not take its role away
    assert OutsideSystems(directory.bus_roles).caller("crm").tenants == {"acme"}
