"""In which order the outbox is emptied."""

from shared.bus import Encoded
from shared.outbox import UnpublishedEvent
from shared.outbox.drainer import by_tenant


def waiting(number: int, tenant_id: str) -> UnpublishedEvent:
    return UnpublishedEvent(number, Encoded("demo.tenant.updated", b"{}", {"ce-subject": tenant_id}))


def test_the_events_of_a_tenant_stay_in_their_order_and_those_of_others_don_t_wait_for_them() -> None:
    batch = [waiting(1, "a"), waiting(2, "b"), waiting(3, "a"), waiting(5, "b"), waiting(4, "c")]
    assert [[each.id for each in line] for line in by_tenant(batch)] == [[1, 3], [2, 5], [4]]
