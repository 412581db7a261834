"""Rendering and validation of the documented call centre, each compared with a peer in the same run.

The peers are libyaml's load (PyYAML's CSafeLoader), and `kubernetes_validate.validate()`, from whose definitions ours
are compiled. Each figure is the best of several rounds on one core.
"""

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from services.calculator.sizing.tenant_sizing import size
from services.manifest.rendering import render, to_yaml
from services.manifest.validation import ValidationOptions, validate_objects, validate_text
from shared.catalog import load_catalog
from shared.events import DeployOptions
from shared.kube.definitions import definitions
from shared.kube.semantics import validate
from shared.kube.validation import decode, missing_required
from shared.reading.yaml_text import read
from shared.tenants import SlaTarget, TenantSpec
from tests.support.bench_report import note, show

ROUNDS = 7
CALL_CENTRE = {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}
VERSION = "1.33"
CATALOG = load_catalog()
SPEC = TenantSpec(tenant_id="ai-call-center-prod", name="AI 콜센터 운영", service_requirements=CALL_CENTRE)
SIZING = size(CALL_CENTRE, SlaTarget(), None, None, CATALOG)
OBJECTS = render(SPEC, SIZING, DeployOptions(include_ingress=True), catalog=CATALOG)
TEXT = to_yaml(OBJECTS)


def best(function: Callable[[], Any], repeats: int = 1) -> float:
    """Seconds per call in the best of several rounds, with the garbage collector disabled, as between requests."""
    function()
    gc.collect()
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(repeats):
            function()
        times.append((time.process_time() - began) / repeats)
    return min(times)


def schemas_alone() -> None:
    known = definitions(f"{VERSION}.0")
    for each in OBJECTS:
        group, _, version = each["apiVersion"].rpartition("/")
        schema = known.for_kind(group, version, each["kind"])
        assert schema is not None
        assert not decode(each, schema).unknown
        assert not any(missing_required(each, schema))


def rules_alone() -> None:
    schemas_alone()
    for each in OBJECTS:
        assert not validate(each)


def peer() -> None:
    for each in OBJECTS:
        kubernetes_validate.validate(each, VERSION, strict=True)


def rendering() -> None:
    table = Table(title=f"Rendering the call centre: {len(OBJECTS)} objects, {len(TEXT) / 1000:.0f} kB of YAML")
    for column in ("", "ms", "limit"):
        table.add_column(column, justify="left" if not column else "right")
    built = best(lambda: render(SPEC, SIZING, DeployOptions(include_ingress=True), catalog=CATALOG), 5)
    table.add_row("objects", f"{built * 1e3:.2f}", "15")
    table.add_row("their text", f"{best(lambda: to_yaml(OBJECTS), 5) * 1e3:.2f}", "")
    table.add_row(
        "beside it: libyaml's dump", f"{best(lambda: yaml.dump_all(OBJECTS, Dumper=yaml.CSafeDumper)) * 1e3:.1f}", ""
    )
    show(table)


def schema() -> None:
    table = Table(title="Objects that are parsed already, on one core")
    for column in ("", "objects/s", "µs an object", "against the peer"):
        table.add_column(column, justify="left" if not column else "right")
    other = best(peer)
    rows = {
        "kubernetes_validate.validate(strict=True)": other,
        "strict schema": best(schemas_alone, 5),
        "strict schema and rules of one object": best(rules_alone, 5),
        "everything: references, limits, security too": best(
            lambda: validate_objects(OBJECTS, ValidationOptions(simulator=True), CATALOG), 3
        ),
    }
    for name, seconds in rows.items():
        each = seconds / len(OBJECTS)
        table.add_row(name, f"{1 / each:,.0f}", f"{each * 1e6:,.0f}", f"{other / seconds:.0f}x")
    show(table)
    note("(kubeconform, in Go, is quoted at about 1,900 documents/s a core with its parsing.)")


def end_to_end() -> None:
    table = Table(title="From text to findings")
    for column in ("", "ms", "against libyaml's load"):
        table.add_column(column, justify="left" if not column else "right")
    load = best(lambda: list(yaml.load_all(TEXT, Loader=yaml.CSafeLoader)))
    careless = TEXT.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystm: true")
    rows = {
        "libyaml's load alone (CSafeLoader)": load,
        "our reading, with limits and duplicate keys": best(lambda: read(TEXT)),
        "validation of a good manifest": best(lambda: validate_text(TEXT, ValidationOptions(simulator=True), CATALOG)),
        "validation of one with faults, with their lines": best(
            lambda: validate_text(careless, ValidationOptions(), CATALOG)
        ),
    }
    for name, seconds in rows.items():
        table.add_row(name, f"{seconds * 1e3:.1f}", f"{seconds / load:.2f}")
    show(table)


if __name__ == "__main__":
    rendering()
    schema()
    end_to_end()
