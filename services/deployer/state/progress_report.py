"""The progress of a deployment as it is reported: phase, percentage, message and resources. Pure.

Progress and phase never go back: after a takeover the work starts over, and its first steps were reported already.
"""

from typing import NamedTuple, Self

from services.deployer.state.records import StatusEvent
from shared.events import Phase, ResourceState

INITIAL_PROGRESS = 10
"""Percentage at which the deployer takes over from sizing and rendering."""
_PHASES = list(Phase)


class ProgressReport(NamedTuple):
    """What to report about a running deployment."""

    phase: Phase
    progress: int
    message: str
    resources: tuple[ResourceState, ...] = ()
    problems: frozenset[str] = frozenset()
    """The problems of pods, as `Deployment tts: ImagePullBackOff`. The message names them, within its limit."""

    @classmethod
    def at(cls, event: StatusEvent, message: str) -> Self:
        """Another message at the progress that was reported last."""
        return cls(event.phase, event.progress, message, event.resources)

    def not_before(self, event: StatusEvent) -> Self:
        """This report, with phase and progress of at least those reported last."""
        phase = max(self.phase, event.phase, key=_PHASES.index)
        return self._replace(phase=phase, progress=max(self.progress, event.progress))

    def is_news_after(self, event: StatusEvent) -> bool:
        """Whether this report neither repeats the last one nor falls behind it."""
        if self.progress < event.progress or _PHASES.index(self.phase) < _PHASES.index(event.phase):
            return False
        published = ProgressReport(event.phase, event.progress, event.message, event.resources, self.problems)
        return self != published
