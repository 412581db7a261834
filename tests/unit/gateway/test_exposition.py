"""How old the text of `/metrics` may be."""

from prometheus_client import CollectorRegistry, Counter

from services.gateway.http.exposition import Exposition


def test_the_text_is_kept_nine_times_as_long_as_its_making_took() -> None:
    registry, clock, worked = CollectorRegistry(), [100.0], [0.0]
    counter = Counter("calls", "Calls", registry=registry)

    def thread_time() -> float:
        worked[0] += 0.25
        return worked[0]

    exposition = Exposition(registry, now=lambda: clock[0], worked=thread_time)
    assert b"calls_total 0.0" in exposition.text()
    counter.inc()
    clock[0] = 102.0
    assert b"calls_total 0.0" in exposition.text()
    assert worked == [0.5]
    clock[0] = 102.25
    assert b"calls_total 1.0" in exposition.text()
