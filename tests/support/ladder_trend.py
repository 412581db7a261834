"""Whether memory grows: the slope of a line through its samples, with a confidence interval. Pure.

Samples that follow one another are alike, so the interval of a line through all of them would be too narrow. The line
goes through the means of blocks that are long enough to be independent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes a second to import

BLOCKS = 12
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Trend:
    """MB an hour, and the interval in which it is with `CONFIDENCE`."""

    slope: float
    low: float
    high: float

    @property
    def grows(self) -> bool:
        """Whether no growth is outside of the interval."""
        return self.low > 0


def trend(hours: Sequence[float], megabytes: Sequence[float]) -> Trend | None:
    """The trend of samples; None for less than two in each block."""
    size = len(hours) // BLOCKS
    if size < 2:
        return None
    kept = size * BLOCKS
    x = np.asarray(hours[-kept:]).reshape(BLOCKS, size).mean(axis=1)
    y = np.asarray(megabytes[-kept:]).reshape(BLOCKS, size).mean(axis=1)
    (slope, base), spread = np.polyfit(x, y, 1), float(((x - x.mean()) ** 2).sum())
    residual = float(((y - base - slope * x) ** 2).sum()) / (BLOCKS - 2)
    margin = float(stdtrit(BLOCKS - 2, (1 + CONFIDENCE) / 2)) * math.sqrt(residual / spread)
    return Trend(float(slope), float(slope) - margin, float(slope) + margin)
