"""The commands of the READMEs that need only this folder print the documented output."""

import pytest

from tests.support.readmes import READMES, Example, Place, agrees, examples_of, run


@pytest.mark.parametrize("example", examples_of(READMES[0], Place.ALONE), ids=lambda example: example.command)
def test_a_command_prints_what_the_readmes_show(example: Example) -> None:
    [printed] = run([example.command], {"BENCH_PAGE": ""})

    assert agrees(example, printed), printed
