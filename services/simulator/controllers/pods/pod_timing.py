"""Durations in a pod's life: pulling, starting, loading a model, stopping. Pure, and fixed for a pod and a seed.

They are short on purpose: a cpu service is ready 3 to 8 s after its binding, one with GPUs after 8 to 20 s, because it
loads a model. A probe passes when the application has started and its initialDelaySeconds are over; its period isn't
simulated.
"""

from functools import cached_property
from typing import NamedTuple

from services.simulator.controllers.runtime.seeded import fraction
from shared.kube.objects import Obj

_MEGABYTE = 1_000_000


class ValueRange(NamedTuple):
    """A range of values, in seconds or megabytes."""

    least: float
    most: float

    def at(self, share: float) -> float:
        """The value at this share (0 to 1) of the range."""
        return self.least + share * (self.most - self.least)


class TimingProfile(NamedTuple):
    """Ranges for a class of pods; `image` is in megabytes, the others in seconds."""

    image: ValueRange
    pull: ValueRange
    start: ValueRange
    boot: ValueRange


CPU = TimingProfile(
    image=ValueRange(120, 600), pull=ValueRange(0.8, 2.5), start=ValueRange(0.4, 0.9), boot=ValueRange(2.2, 4.5)
)
GPU = TimingProfile(
    image=ValueRange(3_000, 7_000), pull=ValueRange(2.0, 5.0), start=ValueRange(0.5, 1.0), boot=ValueRange(7.5, 13.0)
)
INIT_CONTAINER = ValueRange(0.4, 1.2)
RUN_TO_COMPLETION = ValueRange(2.0, 6.0)
STOP = ValueRange(1.0, 2.0)
CRASH = ValueRange(1.0, 2.0)


class ImagePull(NamedTuple):
    """Duration in seconds and size in bytes of an image pull."""

    seconds: float
    size: int


class PodTiming:
    """The durations of one pod; those that are read often are computed once."""

    def __init__(self, seed: int, pod: Obj) -> None:
        self._about = (seed, pod["metadata"].get("namespace", ""), pod["metadata"]["name"])
        self._spec = pod["spec"]
        self._profile = GPU if uses_gpu(pod["spec"]) else CPU
        self._pulls: dict[str, ImagePull] = {}

    def pull(self, image: str) -> ImagePull:
        """The pull of an image that isn't on the node."""
        found = self._pulls.get(image)
        if found is None:
            share = fraction("image", image)
            jitter = 0.9 + 0.1 * fraction(*self._about, "pull", image)
            found = ImagePull(self._profile.pull.at(share) * jitter, int(self._profile.image.at(share) * _MEGABYTE))
            self._pulls[image] = found
        return found

    @cached_property
    def start(self) -> float:
        """Seconds from the last image to running containers, init containers included."""
        seconds = self._profile.start.at(fraction(*self._about, "start"))
        for index, container in enumerate(self._spec.get("initContainers") or ()):
            if container.get("restartPolicy") != "Always":
                seconds += INIT_CONTAINER.at(fraction(*self._about, "init", index))
        return seconds

    @cached_property
    def ready(self) -> float:
        """Seconds from running to Ready."""
        return max((self._container_ready(container) for container in self._spec["containers"]), default=0.0)

    def complete(self) -> float:
        """Seconds for which a pod of a Job runs."""
        return RUN_TO_COMPLETION.at(fraction(*self._about, "complete"))

    def crash(self, restarts: int) -> float:
        """Seconds until a crashing container ends."""
        return CRASH.at(fraction(*self._about, "crash", restarts))

    def stop(self) -> float:
        """Seconds from SIGTERM to the end; the grace period may end it earlier."""
        return STOP.at(fraction(*self._about, "stop"))

    def _container_ready(self, container: Obj) -> float:
        probes = [container[name] for name in ("startupProbe", "readinessProbe") if container.get(name)]
        if not probes:
            # In Kubernetes a container without probes is ready as soon as it runs.
            return 0.0
        seconds = self._profile.boot.at(fraction(*self._about, "boot", container["name"]))
        for probe in probes:
            repeats = (probe.get("successThreshold") or 1) - 1
            seconds = max(seconds, probe.get("initialDelaySeconds") or 0) + repeats * (probe.get("periodSeconds") or 10)
        return seconds


def uses_gpu(spec: Obj) -> bool:
    """True if a container requests a GPU of any vendor."""
    for container in spec["containers"]:
        resources = container.get("resources") or {}
        for name in {**(resources.get("limits") or {}), **(resources.get("requests") or {})}:
            if name.endswith("/gpu"):
                return True
    return False
