"""docs/settings.md matches the code, and each setting has a description."""

import pytest

from tools.settings_page import FILE, SECTIONS, page, settings

pytestmark = pytest.mark.slow


def test_the_page_matches_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "run `make docs`"


@pytest.mark.parametrize("section", SECTIONS)
def test_each_setting_has_a_description(section: str) -> None:
    found = list(settings(SECTIONS[section]))

    assert found
    assert [setting.variable for setting in found if not setting.text] == []


def test_defaults_limits_and_names_are_those_that_hold() -> None:
    rows = {setting.variable: setting for setting in settings(SECTIONS["Monitor"])}
    simulator = {setting.variable for setting in settings(SECTIONS["Simulator"])}

    assert (rows["CLUSTER_TIMEOUT"].default, rows["CLUSTER_TIMEOUT"].must_be) == ("`4.0`", "number, > 0, < 5")
    assert rows["PORT"].default == "`8014`"
    assert "SIMULATOR_PORT` or `PORT" in simulator
