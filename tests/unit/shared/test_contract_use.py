"""The contract is kept: what it names is published, consumed and read somewhere, or an open issue still builds it.

Read from the code's syntax. A field counts as read if a consumer reads an attribute or a key of its name, so a name
that several models share may hide one that nothing reads; a new field usually has a name of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shared.access import ACCESS, publishers, readers
from shared.events import EVENTS, DeployOptions, Event, Operation, Phase
from shared.events.statuses import DeploymentStatus, TenantStatus
from shared.sizing import Sizing
from shared.subjects import Bucket, Rpc, Subject
from tests.support.code_use import Use, use_of
from tools.settings_page import FILE, SECTIONS, settings

pytestmark = pytest.mark.slow

OPEN: dict[str, str] = {
    "option rehearse: no such field": "rehearsals",
    "target gitops: nothing deploys to it": "GitOps",
}
"""What is missing, in the words of the tests below, with the open issue that builds it. An untrue line fails."""
PROMISED_OPTIONS = {
    "timeout",
    "resource_timeout",
    "on_failure",
    "force_conflicts",
    "prune",
    "heal_drift",
    "include_monitoring",
    "include_ingress",
    "wait_for_capacity",
    "rehearse",
}
"""The options of a deployment that users were promised."""
PROMISED_TARGETS = {"simulator", "kubernetes", "gitops"}
DEFINITIONS = ("shared/examples.py", "shared/asyncapi.py", "shared/access.py", "shared/subjects.py")
"""Files of shared that name all of the contract."""
EVENT_FILES = tuple(
    f"shared/events/{name}.py" for name in ("__init__", "alerts", "base", "observations", "requests", "results")
)
SERVICES = ("gateway", "calculator", "manifest", "deployer", "monitor")


def service(name: str) -> Use:
    """What a service does, without what it shares."""
    return use_of(f"services/{name}")


def shared_with(*names: str) -> Use:
    """What services do, with what they share, without the definitions of the contract."""
    return use_of("shared", *(f"services/{name}" for name in names), but=(*DEFINITIONS, *EVENT_FILES))


def missing_subjects() -> Iterator[str]:
    for subject in Subject:
        event = EVENTS[subject]
        for name in publishers(subject):
            if name in ACCESS and not _publishes(name, event):
                yield f"subject {subject}: {name} doesn't publish it"
        for name in readers(subject):
            if not _ancestry(event) & service(name).named:
                yield f"subject {subject}: {name} doesn't consume it"


def _publishes(name: str, event: type[Event]) -> bool:
    """Whether it makes the event, or passes on its subject. Other systems aren't ours."""
    if name == "outside":
        return True
    use = service(name)
    return event.__name__ in use.called or f"Subject.{event.subject.name}" in use.passed


def _ancestry(event: type[Event]) -> set[str]:
    """The event and those that it extends: `DeployEvent` stands for each that is one."""
    return {each.__name__ for each in event.__mro__ if issubclass(each, Event) and each is not Event}


def missing_fields() -> Iterator[str]:
    everywhere = shared_with(*SERVICES)
    for subject in Subject:
        consumers = [name for name in readers(subject) if _ancestry(EVENTS[subject]) & service(name).named]
        own = shared_with(*consumers, *({"gateway"} if subject is Subject.METRICS_COLLECTED else ()))
        for path, name in _fields(EVENTS[subject]) if consumers else ():
            # What is inside of a field may be passed on to the service that reads it.
            if not (everywhere if "." in path else own).reads(name):
                yield f"event {subject}: no consumer reads {path}"


def _fields(
    model: type[BaseModel], place: str = "", seen: tuple[type[BaseModel], ...] = ()
) -> Iterator[tuple[str, str]]:
    """Each field with its path, also of the models inside."""
    for name, info in model.model_fields.items():
        yield f"{place}{name}", name
        for each in _models(info.annotation):
            if each not in seen and each is not Sizing:
                yield from _fields(each, f"{place}{name}.", (*seen, each))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)


def missing_options() -> Iterator[str]:
    use = shared_with("deployer", "manifest", "gateway")
    fields = DeployOptions.model_fields.keys()
    yield from (f"option {name}: no such field" for name in sorted(PROMISED_OPTIONS - fields))
    yield from (f"option {name}: nothing reads it" for name in fields if not use.reads(name))


def missing_targets() -> Iterator[str]:
    use = use_of("services", "shared/kube")
    yield from (f"target {name}: nothing deploys to it" for name in sorted(PROMISED_TARGETS) if name not in use.read)


def missing_members() -> Iterator[str]:
    everywhere = use_of("services", "shared", "cli", "embedded", but=(*DEFINITIONS, *EVENT_FILES))
    for phase in Phase:
        if f"Phase.{phase.name}" not in everywhere.named:
            yield f"phase {phase}: no deployment is ever in it"
    for operation in Operation:
        for name in ("gateway", "deployer"):
            if not {f"Operation.{operation.name}", operation.value} & (service(name).named | service(name).read):
                yield f"operation {operation}: {name} doesn't know it"
    for bucket in Bucket:
        if f"Bucket.{bucket.name}" not in everywhere.named:
            yield f"bucket {bucket}: nothing uses it"
    for status in {*get_args(DeploymentStatus), *get_args(TenantStatus)}:
        if status not in service("gateway").read:
            yield f"status {status}: the gateway never sets it"


def missing_requests() -> Iterator[str]:
    for rpc in Rpc:
        answering = [name for name, access in ACCESS.items() if rpc in access.answers]
        for name in answering:
            if f"Rpc.{rpc.name}" not in service(name).passed:
                yield f"request {rpc}: {name} doesn't answer it"
        asking = [name for name, access in ACCESS.items() if rpc in access.requests]
        if not any(f"Rpc.{rpc.name}" in service(name).passed for name in asking):
            yield f"request {rpc}: nothing asks for it"


def missing_settings() -> Iterator[str]:
    everywhere = use_of("services", "shared", "cli", "embedded")
    page = FILE.read_text(encoding="utf-8")
    for cls in SECTIONS.values():
        for name in cls.model_fields:
            if not everywhere.reads(name):
                yield f"setting {cls.__name__}.{name}: nothing reads it"
        yield from (
            f"setting {each.variable}: docs/settings.md lacks it"
            for each in settings(cls)
            if f"`{each.variable}`" not in page
        )


KINDS = {
    "subject": missing_subjects,
    "event": missing_fields,
    "option": missing_options,
    "target": missing_targets,
    "member": missing_members,
    "request": missing_requests,
    "setting": missing_settings,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_contract_names_is_used_or_an_open_issue_builds_it(kind: str) -> None:
    assert [each for each in KINDS[kind]() if each not in OPEN] == []


def test_an_exception_that_is_no_longer_needed_is_removed() -> None:
    missing = {each for find in KINDS.values() for each in find()}
    assert [f"remove from OPEN: {each}" for each in OPEN if each not in missing] == []


def test_each_name_is_found_missing_if_nothing_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.use_of", lambda *folders, but=(): Use())
    named = {
        "subject": len(Subject),
        "option": len(DeployOptions.model_fields),
        "target": len(PROMISED_TARGETS),
        "member": len([*Phase, *Bucket]) + 2 * len(Operation),
        "request": 2 * len(Rpc),
        "setting": sum(len(cls.model_fields) for cls in SECTIONS.values()),
    }
    for kind, least in named.items():
        assert len(list(KINDS[kind]())) >= least, kind


def test_a_field_that_only_its_definition_has_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        DeployOptions, "model_fields", {**DeployOptions.model_fields, "unread": FieldInfo(annotation=str)}
    )

    assert list(missing_options()) == [
        *(each for each in OPEN if each.startswith("option")),
        "option unread: nothing reads it",
    ]
    assert "event deploy.requested: no consumer reads options.unread" in list(missing_fields())


def test_code_is_read_for_what_it_calls_passes_and_reads(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text(
        "from a import NotUsed\n"
        "publish(Made(x=1), Subject.GIVEN)\n"
        "if event.seen is Subject.COMPARED: row['column'] = getattr(s, f'{w}_port')\n"
    )
    use = use_of(str(tmp_path))

    assert {"publish", "Made"} <= use.called
    assert use.passed == {"Subject.GIVEN"}
    assert {"Subject.COMPARED", "Subject.GIVEN"} <= use.named
    assert "NotUsed" not in use.named
    assert all(use.reads(name) for name in ("seen", "column", "monitor_port"))
    assert not use.reads("x")
