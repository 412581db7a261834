"""Silences and recurring maintenance, as the monitor answers them. Reads only."""

from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from services.gateway.silences.schemas import PreviewedSilence, RecurringMaintenanceList, SilenceList
from shared.errors import DependencyUnavailable, Refused
from shared.rpc.silences import NewSilence, RecurringMaintenanceRequest, Silence, SilencesRequest


class SilenceQueries:
    """Those of one mode. Each raises Refused, or DependencyUnavailable while the monitor is away."""

    def __init__(self, context: ModeContext) -> None:
        self._workers = context.workers

    async def list(self, tenant_id: str) -> SilenceList:
        reply = await self._workers.silences(SilencesRequest(tenant_id=tenant_id))
        return SilenceList(tenant_id=tenant_id, silences=reply.silences)

    async def one(self, tenant_id: str, silence_id: str) -> Silence:
        reply = await self._workers.silences(SilencesRequest(tenant_id=tenant_id))
        for each in reply.silences:
            if each.silence_id == silence_id:
                return each
        raise Refused(
            f"there is no silence {silence_id!r}",
            code="NOT_FOUND",
            message_id="silence-not-found",
            details={"silence_id": silence_id},
        )

    async def preview(self, tenant_id: str, silence: NewSilence, days: int) -> PreviewedSilence:
        """What a silence would have muted in the last `days`."""
        request = SilencesRequest(tenant_id=tenant_id, preview=silence, days=days)
        shown = (await self._workers.silences(request)).preview
        if shown is None:
            raise DependencyUnavailable("monitor", "its reply lacks the preview", code="WORKER_UNAVAILABLE")
        return PreviewedSilence.model_validate(translator().translated(shown.model_dump()))

    async def recurring(self, tenant_id: str) -> RecurringMaintenanceList:
        reply = await self._workers.recurring_maintenance(RecurringMaintenanceRequest(tenant_id=tenant_id))
        return RecurringMaintenanceList(tenant_id=tenant_id, recurring=reply.recurring)
