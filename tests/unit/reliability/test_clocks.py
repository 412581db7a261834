"""The clock that the nemesis sets, on a running program."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.clocks import settable_clock

PROGRAM = """
import json, sys, time
for line in sys.stdin:
    time.sleep(0.001)
    print(json.dumps([time.time(), time.monotonic()]), flush=True)
"""


@pytest.mark.slow
def test_a_running_program_s_wall_clock_jumps_and_its_monotonic_one_does_not() -> None:
    with settable_clock() as clock:
        environment = {**os.environ, **clock.variables}
        command = [sys.executable, "-c", PROGRAM]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            readings = []
            for offset in (0, 3600, -3600):
                clock.set(offset)
                print("now", file=program.stdin, flush=True)
                readings.append(json.loads(program.stdout.readline()))
            program.stdin.close()
    (first, began), (forwards, _), (backwards, ended) = readings
    passed = ended - began
    assert 3600 <= forwards - first <= 3600 + passed + 1
    assert -3601 <= backwards - first <= -3600 + passed + 1
