"""Reconciles one generation of one tenant: deploys, stops, deletes, or undoes a failure.

Level-triggered, and safe to kill at any moment: a successor reads the records and starts over, and applying the same
objects again changes nothing. Every step first checks whether a higher generation has arrived.

    deploy   claim the namespace -> record what will exist -> apply -> watch until healthy -> prune -> completed
    undo     after a failed deploy: record the failure -> roll out the last healthy manifest -> rolled back
                                                       -> or delete what this generation created -> failed
    stop     scale to 0 -> watch until no pod is left -> completed
    cancel   any of these but a deletion, and an undoing, stops after its present step -> cancelled; nothing is undone
    adopt    what is in the namespace -> dry run: only labels change -> record -> apply -> completed
    delete   objects outside the namespace -> the namespace -> wait until it is gone -> deleted
             with objects of others in it: only our objects -> failed, naming the others
"""

import structlog

from services.deployer.cluster.api import ClusterUnavailable, NamespaceTerminating
from services.deployer.cluster.ownership import describe
from services.deployer.reconcile.adopt import Adoption
from services.deployer.reconcile.deletion import Deletion
from services.deployer.reconcile.generation_guard import Cancelled, Superseded
from services.deployer.reconcile.progress import report_cancelled
from services.deployer.reconcile.prune import without
from services.deployer.reconcile.rollout import ObjectsDeleted, Rollout
from services.deployer.reconcile.stop import stop
from services.deployer.reconcile.work import TenantWork
from services.deployer.state.errors import InvalidManifest, ManifestMissing
from services.deployer.state.progress_report import ProgressReport
from services.deployer.state.records import RecordedFailure
from shared.errors import PermanentError, TemporaryError
from shared.events import Operation

_log = structlog.get_logger(__name__)


class UndoStarted(TemporaryError):
    """The deployment's failure is recorded; the next attempt undoes it."""


class Reconciler:
    """One attempt to conclude a generation."""

    def __init__(self, work: TenantWork) -> None:
        self._work = work
        self._desired = work.desired
        self._recorder = work.recorder

    async def run(self) -> None:
        """Return when the generation is concluded.

        Raises Superseded if a higher generation has arrived, and TemporaryError if another attempt may succeed.
        """
        try:
            self._work.check()
            await self._act_or_wait()
        except Cancelled:
            await self._cancel()
        except PermanentError as error:
            await self._fail(error.code, error.message)
        except (Superseded, TemporaryError):
            raise
        except Exception as error:
            if not self._work.is_over:
                raise
            _log.exception("Deployment timed out after repeated internal errors.", action="reconcile-failed")
            await self._fail("INTERNAL", f"an internal error ({type(error).__name__}); the log has the details")

    async def _act_or_wait(self) -> None:
        """Act; report what the deployment waits for if it can't go on now."""
        try:
            await self._act()
        except ManifestMissing as error:
            if not self._can_be_rendered_again:
                raise InvalidManifest(error.message) from error
            await self._work.wait_for(error)
            raise
        except (ClusterUnavailable, NamespaceTerminating, ObjectsDeleted) as error:
            await self._work.wait_for(error)
            raise

    async def _act(self) -> None:
        if self._work.applied.failure is not None:
            await self._undo(self._work.applied.failure)
        elif self._desired.action == "delete":
            await Deletion(self._work).run()
        elif self._desired.action == "stop":
            await stop(self._work)
        elif self._desired.operation is Operation.ADOPT:
            report, digest = await Adoption(self._work).run()
            await self._recorder.complete(report, digest)
        elif self._desired.operation is Operation.ROLLBACK:
            report = await self._roll_out(self._desired.digest)
            await self._recorder.roll_back(report._replace(message=f"back to {self._origin}; {report.message}"))
        else:
            await self._recorder.complete(await self._roll_out(self._desired.digest))

    async def _cancel(self) -> None:
        """End where it is. What was applied stays, and neither `on_failure` nor `prune` is acted on."""
        report = report_cancelled(self._work.progress, self._desired.action, changed=self._work.applied.changed)
        await self._recorder.cancel(report)

    async def _roll_out(self, digest: str | None) -> ProgressReport:
        return await Rollout(self._work, digest or "").run()

    async def _fail(self, code: str, message: str) -> None:
        """End the generation as failed, or raise UndoStarted if the failure has to be undone first."""
        failure = self._work.applied.failure
        if failure is not None:
            await self._recorder.fail(failure.code, f"{failure.message}; undoing it has failed, too: {message}")
        elif self._desired.undoes and not self._has_nothing_to_roll_back_to:
            await self._recorder.begin_undoing(code, message)
            raise UndoStarted(message)
        else:
            await self._recorder.fail(code, message)

    async def _undo(self, failure: RecordedFailure) -> None:
        if self._desired.options.on_failure == "rollback":
            report = await self._roll_out(self._work.applied.digest)
            message = f"{failure.message}; what was healthy last runs again: {report.message}"
            await self._recorder.roll_back(report._replace(message=message))
        else:
            await self._delete_created(failure)

    async def _delete_created(self, failure: RecordedFailure) -> None:
        """Delete the objects that this generation created, and end it as failed."""
        applied, namespace = self._work.applied, self._work.namespace
        left = await self._work.prune(without(applied.inventory, applied.before))
        await self._recorder.record_inventory(applied.before)
        self._work.check()
        stays = f"; Namespace {namespace} stays, with objects of others in it: {describe(left)}" if left else ""
        await self._recorder.fail(failure.code, f"{failure.message}; what this generation had made is deleted{stays}")

    @property
    def _has_nothing_to_roll_back_to(self) -> bool:
        no_other = self._work.applied.digest in (None, self._desired.digest)
        return self._desired.options.on_failure == "rollback" and no_other

    @property
    def _origin(self) -> str:
        return f"generation {self._desired.to}" if self._desired.to else "an earlier manifest"

    @property
    def _can_be_rendered_again(self) -> bool:
        """Whether publishing the request again renders the manifest: only that of a new deployment."""
        return self._desired.operation is None and self._work.applied.failure is None
