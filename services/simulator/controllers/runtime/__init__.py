"""The base of every controller: work queue, shared context, events, ownership indexes and generated names."""
