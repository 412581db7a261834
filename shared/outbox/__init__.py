"""Events that are part of a transaction: rows of a table until NATS has them.

await OUTBOX.add(connection, events)        in the transaction that makes them true
OutboxDrainer(OUTBOX, database, publish, poll=2.0).run()        publishes them after it, each once
"""

from shared.outbox.drainer import OutboxDrainer, Publish
from shared.outbox.table import Outbox, UnpublishedEvent

__all__ = ["Outbox", "OutboxDrainer", "Publish", "UnpublishedEvent"]
