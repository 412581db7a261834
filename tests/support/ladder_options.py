"""What the environment chooses: which rungs, tenants of which size, and for how long the ladder may climb."""

import os
import sys
import time
from dataclasses import dataclass

KINDS = {
    "small": {"stt": 1},
    "ten-pods": {"stt": 180},
    "call-centre": {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100},
}
"""What the tenants of each size order: about 3, 10 and 50 pods."""
RUNGS = (10, 100, 500, 1000)
MINUTES = 12.0


@dataclass(frozen=True)
class Options:
    """Of one run of the ladder."""

    rungs: tuple[int, ...]
    kinds: tuple[str, ...]
    minutes: float

    @classmethod
    def read(cls) -> "Options":
        """RUNGS="10 100", KINDS="small call-centre", MINUTES=12. Ends the process for what can't be used."""
        try:
            rungs = tuple(sorted({int(each) for each in os.environ.get("RUNGS", "").split()})) or RUNGS
            minutes = float(os.environ.get("MINUTES") or MINUTES)
        except ValueError as error:
            sys.exit(f'RUNGS and MINUTES are numbers, such as RUNGS="10 100" MINUTES=12: {error}')
        kinds = tuple(os.environ.get("KINDS", "ten-pods call-centre").split())
        if unknown := [each for each in kinds if each not in KINDS]:
            sys.exit(f"KINDS: there is no size {', '.join(unknown)}; there are {', '.join(KINDS)}")
        if rungs[0] < 1 or minutes <= 0:
            sys.exit("RUNGS and MINUTES must be positive")
        return cls(rungs, kinds, minutes)


class Budget:
    """The time that a run has left."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; negative when it is used up."""
        return self._end - time.monotonic()

    def part(self, share: float) -> "Budget":
        """A share of what is left."""
        return Budget(self.left * share)
