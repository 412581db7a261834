"""CPU time and memory of alert rules: 1,000 tenants with 10 rules each, evaluated every 5 s, beside Prometheus.

    make bench ARGS=alerts

Ours: from the JSON of the samples to the changes of alerts, in this process. Prometheus: the CPU time of its process,
which also scrapes and stores, with the rules less that without them.
"""

import random
import shutil
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import psutil
from rich.table import Table

from embedded.ports import free_ports
from services.monitor.alerts.evaluation import RuleTrack
from services.monitor.alerts.tenant_alerts import TenantAlerts, Terms
from shared.alerts.rule import AlertRule
from shared.alerts.standard_rules import STANDARD_RULES
from shared.events import MetricsSampled, TenantSample
from shared.sla import Run, slice_of
from tests.support.bench_report import note, show

TENANTS, RULES, GRID, GRIDS = 1000, 10, 5.0, 60
METRICS = ("cpu", "memory", "gpu", "pods_ready", "pods_wanted", "network_in", "network_out", "storage_used")
START = datetime(2026, 1, 5, tzinfo=UTC)
WARM_UP, MEASURED = 10.0, 20.0
"""Seconds of each run of Prometheus."""


def rules() -> list[AlertRule]:
    """Ten, as a tenant may have them besides the standard ones."""
    return [
        AlertRule(alert_name=f"rule-{n}", condition=f"{METRICS[n % 3]} > {70 + n} and pods_ready >= 1", duration="30s")
        for n in range(RULES)
    ]


def events() -> Iterator[bytes]:
    """The samples of all tenants on each grid, as the stream has them."""
    draw = random.Random(1)
    for number in range(GRIDS):
        samples = tuple(
            TenantSample(
                tenant_id=f"tenant-{n}",
                values={name: draw.gauss(60, 12) for name in METRICS} | {"available": float(draw.random() > 0.001)},
                services={"callbot": True, "tts": True},
            )
            for n in range(TENANTS)
        )
        time_ = START + timedelta(seconds=GRID * number)
        yield MetricsSampled(time=time_, source="kubernetes", samples=samples).model_dump_json().encode()


def tenants(chosen: list[AlertRule]) -> dict[str, TenantAlerts]:
    first = slice_of(START)
    runs = [Run(first - 400_000, first - 50_000, True), Run(first - 50_000, first - 49_900, False)]
    runs += [Run(first - 49_900, first, True)]
    terms = Terms(is_running=True, since=START.timestamp(), target=0.995)
    return {
        name: TenantAlerts(name, terms, runs, [RuleTrack(each) for each in chosen])
        for name in (f"tenant-{n}" for n in range(TENANTS))
    }


def ours(chosen: list[AlertRule], encoded: list[bytes]) -> tuple[float, float, int]:
    """Percent of a core to decode samples, and to evaluate them; and the changes of alerts."""
    known = tenants(chosen)
    decoding = evaluating = 0.0
    changes = 0
    for body in encoded:
        began = time.process_time()
        event = MetricsSampled.model_validate_json(body)
        decoded = time.process_time()
        for each in event.samples:
            changes += len(known[each.tenant_id].observe(event.time, event.source, each.values, each.services))
        decoding, evaluating = decoding + decoded - began, evaluating + time.process_time() - decoded
    share = 100 / (GRID * len(encoded))
    return decoding * share, evaluating * share, changes


def bytes_per_rule(chosen: list[AlertRule], encoded: list[bytes]) -> float:
    """Memory of the tenants with their rules and recent samples, less that of tenants without a rule."""

    def used(some: list[AlertRule]) -> int:
        tracemalloc.start()
        known = tenants(some)
        for body in encoded[:20]:
            event = MetricsSampled.model_validate_json(body)
            for each in event.samples:
                known[each.tenant_id].observe(event.time, event.source, each.values, each.services)
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    return (used(chosen) - used([])) / (TENANTS * len(chosen))


class _Target(BaseHTTPRequestHandler):
    """The tenants' metrics, as a target of Prometheus."""

    def do_GET(self) -> None:
        draw = random.Random()
        lines = [f'{name}{{tenant="tenant-{n}"}} {draw.gauss(60, 12):.3f}' for name in METRICS for n in range(TENANTS)]
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def target() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()


def _promql(selector: str) -> str:
    """The ten rules; `selector` is empty for one rule over all tenants."""
    lines = []
    for n in range(RULES):
        condition = f"{METRICS[n % 3]}{selector} > {70 + n} and on (tenant) pods_ready{selector} >= 1"
        lines += [f"      - alert: rule_{n}", f"        expr: '{condition}'", "        for: 30s"]
    return "\n".join(lines)


def prometheus_rules(kind: str) -> str:
    if kind == "none":
        return "groups: []\n"
    if kind == "shared":
        return f"groups:\n  - name: all\n    interval: 5s\n    rules:\n{_promql('')}\n"
    groups = [
        f"  - name: tenant-{n}\n    interval: 5s\n    rules:\n" + _promql(f'{{tenant="tenant-{n}"}}')
        for n in range(TENANTS)
    ]
    return "groups:\n" + "\n".join(groups) + "\n"


def prometheus(port: int, kind: str) -> float:
    """Percent of a core of a Prometheus with these rules."""
    [listening] = free_ports(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.yml").write_text(prometheus_rules(kind))
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 5s, evaluation_interval: 5s}\nrule_files: [rules.yml]\n"
            f"scrape_configs: [{{job_name: bench, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        )
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        command += [f"--web.listen-address=127.0.0.1:{listening}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                time.sleep(WARM_UP)
                before, began = psutil.Process(process.pid).cpu_times(), time.monotonic()
                time.sleep(MEASURED)
                after, seconds = psutil.Process(process.pid).cpu_times(), time.monotonic() - began
            finally:
                process.terminate()
    return 100 * (after.user + after.system - before.user - before.system) / seconds


def main() -> None:
    encoded = list(events())
    table = Table(title=f"Alert rules: {TENANTS:,} tenants, one evaluation every 5 s")
    for column in ("who", "% of a core", "limit"):
        table.add_column(column)
    decoding, evaluating, changes = ours(rules(), encoded)
    table.add_row(f"ours, {RULES} rules a tenant", f"{evaluating:.1f}", "5")
    _, standard, _ = ours([*rules(), *STANDARD_RULES.values()], encoded)
    table.add_row("ours, with the seven standard rules too", f"{standard:.1f}", "")
    table.add_row("ours, to decode the samples", f"{decoding:.1f}", "")
    if shutil.which("prometheus"):
        with target() as port:
            without = prometheus(port, "none")
            table.add_row("Prometheus without rules (it scrapes and stores)", f"{without:.1f}", "")
            for kind, text in (("shared", "10 rules over all tenants"), ("each", "10,000 rules of one tenant each")):
                table.add_row(f"Prometheus, {text}", f"{max(0.0, prometheus(port, kind) - without):.1f} more", "")
    else:
        note("Prometheus isn't installed: nothing to compare with.")
    table.add_row("ours, bytes for each rule", f"{bytes_per_rule(rules(), encoded):,.0f}", "")
    show(table)
    note(f"{changes:,} changes of alerts in {GRIDS} evaluations.")
    sys.exit(evaluating > 5)


if __name__ == "__main__":
    main()
