"""How every process of the house runs: one server loop, background tasks, back-off.

    serving    HTTP from the first moment on, the service's own work beside it, signals, the exit status
    tasks      cancel tasks until they have ended; run two things to their ends
    periodic   repeat a piece of work; one that fails for now is skipped until the next time
    backoff    growing pauses between attempts

Nothing here knows the bus, a database or a cluster, so that the simulator uses it too.
"""
