"""Workers of `make test` get units of tests: a file, or the files that use one stack; the longest come first."""

from types import SimpleNamespace
from typing import Any

from tests.support.work_units import LONGEST, longest_first, unit_of
from tools.locks import ROOT


def test_the_files_that_come_first_exist_and_each_has_one_unit() -> None:
    files = [file for unit in LONGEST for file in unit]
    assert len(files) == len(set(files))
    assert all((ROOT / file).exists() for file in files)


def test_files_of_one_stack_are_one_unit_and_any_other_file_is_its_own() -> None:
    for unit in LONGEST:
        assert {unit_of(f"{file}::Class::test[a::b]") for file in unit} == {unit[0]}
    assert unit_of("tests/unit/other.py::test") == "tests/unit/other.py"


def test_the_longest_units_come_first_and_the_others_keep_their_order() -> None:
    first, second = LONGEST[1][0], LONGEST[1][1]
    ids = ["b.py::2", f"{second}::1", "a.py::1", f"{first}::2", f"{LONGEST[0][0]}::1", f"{first}::1"]
    tests: list[Any] = [SimpleNamespace(nodeid=each) for each in ids]
    longest_first(tests)
    assert [each.nodeid for each in tests] == [
        *(f"{LONGEST[0][0]}::1", f"{first}::2", f"{first}::1", f"{second}::1"),
        *("b.py::2", "a.py::1"),
    ]
