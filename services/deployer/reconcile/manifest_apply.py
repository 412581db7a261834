"""Applies the objects of a manifest: kind after kind in the order of apply, those of one kind concurrently.

Whatever ends the work, nothing is left in flight: no request of this generation may arrive after one of the next.
Concurrency costs these rules, and takes 0.6 to 0.7 of the time of one object after the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import structlog

from services.deployer.cluster.api import ClusterApi, KindUnknown, ref_of
from services.deployer.cluster.manifest_objects import is_extension
from services.deployer.reconcile.apply import apply_possible, recorded
from services.deployer.state.records import ObjectRef
from shared.errors import EcpError, PermanentError
from shared.kube.kinds import Kind, kind_of
from shared.kube.objects import Obj
from shared.process.tasks import cancel_until_ended

_log = structlog.get_logger(__name__)
_AT_ONCE = 8
"""Requests of one tenant at the same time; `cluster.targets` has as many connections for each."""
_NAMED_AT_MOST = 5
ReportApplied = Callable[[int, bool], Awaitable[object]]
"""Called after each object with its position, and whether it was skipped."""


class SeveralRefused(PermanentError):
    """Several objects of one kind were refused; the message has the reasons in the order of the manifest."""

    def __init__(self, refusals: Sequence[PermanentError]) -> None:
        more = len(refusals) - _NAMED_AT_MOST
        reasons = "; ".join(each.message for each in refusals[:_NAMED_AT_MOST])
        super().__init__(reasons + (f"; and {more} more" if more > 0 else ""), code=refusals[0].code)


class ApplyResult(NamedTuple):
    """The applied objects, the kinds that the cluster doesn't serve, and notes on what it couldn't change."""

    refs: list[ObjectRef]
    skipped: frozenset[Kind]
    notes: list[str]


async def apply_all(
    cluster: ClusterApi, objects: Sequence[Obj], *, force: bool, check: Callable[[], None], report: ReportApplied
) -> ApplyResult:
    """Apply `objects`, which are in the order of apply. `check` is called before each and ends the work by raising.

    Objects of one kind that are refused are reported together. Kinds of extensions that the cluster doesn't serve are
    skipped with a warning. Without a built-in kind it would be another deployment, so KindUnknown is raised for those.
    """
    application = _Application(cluster, objects, force=force, check=check, report=report)
    for _, positions in groupby(range(len(objects)), key=lambda position: kind_of(objects[position])):
        await application.apply(list(positions))
    return application.result()


class _Applied(NamedTuple):
    """What became of an object: `ref` is None if it was skipped."""

    ref: ObjectRef | None
    notes: Sequence[str] = ()


class _Application:
    """The application of one manifest, whose objects are known by their position."""

    def __init__(
        self,
        cluster: ClusterApi,
        objects: Sequence[Obj],
        *,
        force: bool,
        check: Callable[[], None],
        report: ReportApplied,
    ) -> None:
        self._cluster, self._objects, self._force = cluster, objects, force
        self._check, self._report = check, report
        self._applied: dict[int, _Applied] = {}
        self._failures: dict[int, Exception] = {}
        self._ends = False

    async def apply(self, positions: Sequence[int]) -> None:
        """Apply these objects concurrently. Raises their failures once no request is in flight."""
        left = iter(positions)
        tasks = [asyncio.create_task(self._apply_each(left)) for _ in positions[:_AT_ONCE]]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_until_ended(tasks)
        if self._failures:
            raise _failure([self._failures[position] for position in sorted(self._failures)])

    def result(self) -> ApplyResult:
        """What was applied, in the order of the manifest."""
        applied = sorted(self._applied.items())
        return ApplyResult(
            refs=[each.ref for _, each in applied if each.ref is not None],
            skipped=frozenset(kind_of(self._objects[position]) for position, each in applied if each.ref is None),
            notes=[note for _, each in applied for note in each.notes],
        )

    async def _apply_each(self, left: Iterator[int]) -> None:
        """Apply objects from `left`, which other tasks share. Only a refusal is about one object: others end all."""
        for position in left:
            if self._ends:
                return
            try:
                self._check()
                self._applied[position] = applied = await self._apply_one(self._objects[position])
                await self._report(position, applied.ref is None)
            except Exception as error:
                self._failures[position] = error
                self._ends = self._ends or not isinstance(error, PermanentError)

    async def _apply_one(self, obj: Obj) -> _Applied:
        notes: list[str] = []
        try:
            return _Applied(recorded(await apply_possible(self._cluster, obj, notes, force=self._force)), notes)
        except KindUnknown as error:
            if not is_extension(obj["apiVersion"]):
                raise
            _log.warning(f"{ref_of(obj)} is skipped: {error.message}", action="skip-kind")
            return _Applied(None)


def _failure(failures: Sequence[Exception]) -> Exception:
    """What to raise for the failures of one kind, in the order of the manifest.

    First what ends the work of this generation, or shows a fault of ours. Then refusals, since no retry helps against
    those. What may succeed later comes last.
    """
    refusals = [each for each in failures if isinstance(each, PermanentError)]
    other = next((each for each in failures if not isinstance(each, EcpError)), None)
    if other is not None:
        return other
    if len(refusals) > 1:
        return SeveralRefused(refusals)
    return refusals[0] if refusals else failures[0]
