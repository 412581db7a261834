"""docs/sizing.md works an example by hand. Its figures are those that the code computes."""

from pathlib import Path

import pytest

from services.calculator.sizing.availability import unavailability
from services.calculator.sizing.erlang import erlang_b, own_percentile, percentile, slots_for_blocking
from services.calculator.sizing.tenant_sizing import size
from shared.catalog import load_catalog
from shared.sizing import ServiceSizing
from shared.tenants import SlaTarget

PAGE = (Path(__file__).parents[3] / "docs" / "sizing.md").read_text(encoding="utf-8")
CALL_CENTRE = {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}
TARGET = SlaTarget(availability="99.5%", response_time="200ms")
SIZING = size(CALL_CENTRE, TARGET, None, None, load_catalog())


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of a section's first table, by the first of each row."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip().strip("*") for cell in line[1:-1].split("|")] for line in section.splitlines() if "|" in line
    ]
    return {first: rest for first, *rest in cells}


def row(service: ServiceSizing) -> list[str]:
    throughput, served, available, _ = service.constraints.values()
    cpu, memory = (
        service.replicas * service.cpu_request_m // 1000,
        service.replicas * service.memory_request_mib // 1024,
    )
    gpus = f"{service.replicas} {(service.gpu_type or '').upper()}, " if service.gpu else ""
    return [
        f"{service.erlangs:g}",
        *map(str, (throughput, served, available, service.replicas)),
        f"{gpus}{cpu} cores, {memory} GiB",
        f"{service.monthly_cost_usd:,.2f}",
    ]


@pytest.mark.parametrize("service", SIZING.services, ids=lambda each: each.service)
def test_each_service_s_row_is_its_sizing(service: ServiceSizing) -> None:
    assert rows("The result")[service.service] == row(service)


def test_the_sums_are_the_sizing_s() -> None:
    found, assigned = rows("The result")["sum"], SIZING.cost
    assert assigned is not None
    cpu, memory = SIZING.resources.cpu.removesuffix("000m"), SIZING.resources.memory.removesuffix("Gi")
    assert found[-3:] == ["50", f"10 T4, {cpu} cores, {memory} GiB", f"{assigned.on_demand.usd:,.2f}"]
    assert SIZING.gpus == {"t4": 10}


def test_the_intermediate_results_are_the_formulae_s() -> None:
    assert SIZING.availability is not None
    for sentence in (
        f"B(312, 300) = {erlang_b(312, 300):.2%}".replace("%", " %"),
        f"B(324, 300) = {erlang_b(324, 300):.2%}".replace("%", " %"),
        f"338 slots, B = {erlang_b(338, 300):.2%}".replace("%", " %"),
        f"STT pools of 100 erlangs would need {slots_for_blocking(100, 0.01)} slots",
        f"one of 300 needs {slots_for_blocking(300, 0.01)}",
        f"TTS needs {slots_for_blocking(200, 0.01)} slots for 200 erlangs",
        f"p95 = ln 20 / 129.7 = {percentile(0.05, 1, 20.2778 / 150, 1 / 150) * 1000:.1f} ms",
        f"ln 20 / 150 = {own_percentile(0.05, 1 / 150) * 1000:.1f} ms",
        f"13 replicas: short {unavailability(13, 13, 0.995):.2%}".replace("%", " %"),
        f"14: {unavailability(13, 14, 0.995):.3%}".replace("%", " %"),
        f"15: {unavailability(13, 15, 0.995):.4%}".replace("%", " %"),
        f"product of all: {SIZING.availability:.3f} %",
        f"both of two {unavailability(1, 2, 0.995):.4%}".replace("%", " %"),
    ):
        assert sentence in PAGE
