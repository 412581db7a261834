"""The packaged catalogue is complete and gives sources for its figures; a broken one is refused with the reasons."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from shared import catalog as package
from shared.catalog import Catalog, CatalogInvalid, Confidence, load_catalog
from shared.catalog.figures import Sourced
from shared.errors import Refused

PACKAGED = Path(package.__file__).parent
CATALOG = load_catalog()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for file in PACKAGED.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    return tmp_path


def change(directory: Path, file: str, *path: str, to: Any) -> Path:
    content = yaml.load((directory / file).read_text(), Loader=yaml.CSafeLoader)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    (directory / file).write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))
    return directory


def sourced(record: BaseModel) -> Iterator[Sourced]:
    if isinstance(record, Sourced):
        yield record
    for _, value in record:
        for each in value.values() if isinstance(value, dict) else [value]:
            if isinstance(each, BaseModel):
                yield from sourced(each)


def refusal(requirements: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Refused) as refused:
        CATALOG.check_requirements(requirements)
    assert refused.value.code == "VALIDATION_ERROR"
    return {each["field"]: each["message"] for each in refused.value.details["errors"]}


def test_it_has_the_nine_services_with_pinned_images_of_the_documented_repositories() -> None:
    assert list(CATALOG.services) == ["callbot", "chatbot", "advisor", "stt", "tts", "nlp", "aicm", "ta", "qa"]
    for name, service in CATALOG.services.items():
        assert service.image.repository == f"ecp-ai/{name}"
        assert service.image.tag != "latest"
        assert service.port == 8080


def test_every_figure_has_a_source() -> None:
    figures = list(sourced(CATALOG))
    assert len(figures) > 60
    assert {figure.confidence for figure in figures} <= set(Confidence)
    assert all(figure.source for figure in figures)


def test_figures_are_exact() -> None:
    assert CATALOG.services["stt"].capacity.per_core is not None
    assert CATALOG.services["stt"].capacity.per_core.value == Fraction(13, 2)
    assert CATALOG.services["advisor"].asks["aicm"].requests == Fraction(17, 2)
    assert CATALOG.services["chatbot"].capacity.per_core.value == Fraction(1000, 39)


def test_a_service_stands_before_those_that_it_asks() -> None:
    order = CATALOG.callers_first
    for name, service in CATALOG.services.items():
        assert all(order.index(name) < order.index(asked) for asked in service.asks)


def test_an_unmeasured_pair_carries_nothing_rather_than_a_guess() -> None:
    assert CATALOG.services["tts"].carries("l4") is None
    assert CATALOG.services["tts"].carries("t4") == 50


def test_all_problems_of_a_request_are_reported_at_once() -> None:
    problems = refusal({"callbott": 1, "stt": 0, "tts": True, "nlp": 10**12, "qa": -1, "ta": 2.5, "aicm": None})
    assert set(problems) == {
        f"service_requirements.{name}" for name in ("callbott", "stt", "tts", "nlp", "qa", "ta", "aicm")
    }
    assert "did you mean callbot?" in problems["service_requirements.callbott"]
    assert "Known: callbot, chatbot" in problems["service_requirements.callbott"]
    assert problems["service_requirements.nlp"] == "must be from 1 to 1000000 sessions, not 1000000000000"
    assert problems["service_requirements.tts"] == "must be a whole number of sessions, not True"


def test_a_request_without_services_is_refused() -> None:
    assert "at least one service" in refusal({})["service_requirements"]


def test_what_a_stranger_sends_is_not_repeated_at_length() -> None:
    problems = refusal({"x" * 10_000: 1, "stt": 10**5000, "tts": "y" * 10_000})
    assert sum(len(field) + len(message) for field, message in problems.items()) < 1500


def test_the_most_that_the_catalogue_allows_is_allowed() -> None:
    CATALOG.check_requirements({name: each.max_sessions.value for name, each in CATALOG.services.items()})


def test_an_unknown_preset_is_refused_with_the_presets() -> None:
    CATALOG.check_preset("medium")
    with pytest.raises(Refused) as refused:
        CATALOG.check_preset("mediun")
    assert refused.value.code == "INVALID_PRESET"
    assert refused.value.details["presets"] == ["micro", "small", "medium", "large"]
    assert "did you mean medium?" in refused.value.message


def test_an_unknown_gpu_type_is_refused_with_the_known_ones() -> None:
    CATALOG.check_gpu_type("v100")
    with pytest.raises(Refused) as refused:
        CATALOG.check_gpu_type("V100")
    assert refused.value.code == "VALIDATION_ERROR"
    assert "t4" in refused.value.details["gpu_types"]


def test_a_name_in_capitals_is_recognised() -> None:
    with pytest.raises(Refused, match="did you mean v100"):
        CATALOG.check_gpu_type("V100")


@pytest.mark.parametrize(
    ("gpu", "instance", "gpus", "dollars_an_hour"),
    [
        ("t4", "g4dn.xlarge", 1, "0.526"),
        ("l4", "g6.xlarge", 1, "0.8048"),
        ("a10g", "g5.xlarge", 1, "1.006"),
        ("l40s", "g6e.xlarge", 1, "1.861"),
        ("a100", "p4d.24xlarge", 8, "21.957642"),
        ("v100", "p3.2xlarge", 1, "3.06"),
        ("a100-80", "p4de.24xlarge", 8, "27.44705"),
        ("h100", "p5.4xlarge", 1, "6.88"),
    ],
)
def test_a_gpu_s_month_is_730_hours_of_its_part_of_the_instance(
    gpu: str, instance: str, gpus: int, dollars_an_hour: str
) -> None:
    """AWS's price list, us-east-1, Linux on demand, as of 2026-07-20."""
    found = CATALOG.gpus[gpu]
    assert (found.node.instance, found.node.gpus) == (instance, gpus)
    assert found.usd_a_month.value == round(Fraction(dollars_an_hour) * CATALOG.prices.hours_a_month / gpus)


def test_it_is_read_once() -> None:
    assert load_catalog() is CATALOG


def test_catalog_path_names_files_of_ones_own_and_the_packaged_ones_stand_in_for_the_rest(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(directory, "gpus.yaml", "gpus", "t4", "usd_a_month", "value", to=100)
    for file in ("services.yaml", "prices.yaml", "presets.yaml", "quality.yaml"):
        (directory / file).unlink()
    monkeypatch.setenv("CATALOG_PATH", str(directory))
    catalog = load_catalog()
    assert catalog.gpus["t4"].usd_a_month.value == 100
    assert catalog.services == CATALOG.services


ESTIMATE = {"source": "s", "confidence": "estimate"}
STT, TTS = ("services", "stt"), ("services", "tts")


@pytest.mark.parametrize(
    ("file", "path", "value", "complaint"),
    [
        (
            "services",
            (*STT, "asks"),
            {"sst": {"channels": 1, **ESTIMATE}},
            "services.stt.asks.sst: there is no such service",
        ),
        ("services", (*STT, "asks"), {"callbot": {"channels": 1, **ESTIMATE}}, "in a circle"),
        ("services", (*STT, "asks"), {"nlp": ESTIMATE}, "either channels or requests"),
        ("services", (*STT, "asks"), {"nlp": {"requests": 1, **ESTIMATE}}, "need a session"),
        ("services", (*STT, "discipline"), "queued", "needs own_seconds, or a rate"),
        ("services", (*STT, "own_seconds"), {"value": 1, **ESTIMATE}, "a blocked service holds sessions"),
        ("services", ("services", "ta", "within_seconds"), None, "needs within_seconds"),
        ("services", ("services", "ta", "capacity", "per_core", "value"), 12, "going by day and own_seconds"),
        ("services", ("services", "qa", "day"), {"sessions": 9, "hours": 9, **ESTIMATE}, "need own_seconds"),
        ("services", (*TTS, "replica", "cpu_request_m"), 4001, "larger than its limit"),
        ("gpus", ("gpus", "t4", "node", "cores"), 2, "services.tts.replica: asks for more cores than g4dn.xlarge"),
        ("quality", ("blocking", "value"), 1, "quality.blocking"),
        ("services", (*TTS, "capacity", "per_gpu", "t5"), {"value": 1, **ESTIMATE}, "per_gpu.t5: there is no such GPU"),
        ("services", (*TTS, "capacity", "per_core"), {"value": 1, **ESTIMATE}, "either per_core or per_gpu"),
        ("services", (*TTS, "image", "tag"), "latest", "can't be rolled back to"),
        ("services", (*TTS, "startup_seconds", "source"), "", "services.tts.startup_seconds.source"),
        ("services", (*TTS, "startup_seconds", "confidence"), "rumour", "services.tts.startup_seconds.confidence"),
        ("services", (*STT, "capacity", "per_core", "value"), -1, "services.stt.capacity.per_core.value"),
        ("services", (*STT, "capacity", "per_core", "value"), float("nan"), "services.stt.capacity.per_core.value"),
        ("services", (*STT, "replicas"), 3, "services.stt.replicas"),
        ("services", (*STT, "replica", "cpu_limit_m"), 10, "larger than its limit"),
        ("services", (*STT, "capacity", "per_core", "value"), 0.2, "stt.capacity: a replica carries less than one of"),
        ("services", ("services", "Speech To Text"), {}, "services.Speech To Text"),
        ("gpus", ("gpus", "a100", "mig", "compute"), 1, "gpus.a100.mig.compute"),
        ("presets", ("presets", "small", "max_channels"), 5, "must rise"),
        ("presets", ("presets", "large", "max_channels"), 5000, "without max_channels"),
        ("presets", ("presets", "large", "availability"), "100%", "presets.large.availability"),
        ("prices", ("core_hour", "value"), 0, "prices.core_hour.value"),
    ],
)
def test_a_broken_catalogue_is_refused_with_the_place_and_the_reason(
    directory: Path, file: str, path: tuple[str, ...], value: object, complaint: str
) -> None:
    with pytest.raises(CatalogInvalid) as invalid:
        load_catalog(change(directory, f"{file}.yaml", *path, to=value))
    assert complaint in invalid.value.message


@pytest.mark.parametrize("text", ["services: [", "- a list", "services: \0", ""])
def test_a_file_that_is_no_mapping_is_named(directory: Path, text: str) -> None:
    (directory / "services.yaml").write_text(text)
    with pytest.raises(CatalogInvalid, match=r"services\.yaml"):
        load_catalog(directory)


def test_a_path_that_is_no_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogInvalid, match="CATALOG_PATH"):
        load_catalog(tmp_path / "nowhere")


@pytest.mark.parametrize("service", ["calculator", "gateway", "manifest"])
@pytest.mark.slow
def test_a_broken_catalogue_stops_the_start_with_a_sentence(directory: Path, service: str) -> None:
    change(directory, "prices.yaml", "core_hour", "value", to=-1)
    started = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        env={**os.environ, "CATALOG_PATH": str(directory)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 1
    assert started.stderr.startswith(f"The catalogue in {directory} is not usable: prices.core_hour.value: ")
    assert "Traceback" not in started.stderr


def test_a_catalogue_can_be_made_of_another_by_validation_alone() -> None:
    again = Catalog.model_validate(CATALOG.model_dump(mode="json"))
    assert again == CATALOG
