"""The AsyncAPI document agrees with the code, and its references resolve."""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest
import yaml

from shared.access import ACCESS, publishers, readers
from shared.asyncapi import DOCS, document, page, to_yaml
from shared.events import EVENTS
from shared.examples import EXAMPLES
from shared.subjects import DURABLES, Subject

DOCUMENT = document(version("ecp-orchestrator"))


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def resolve(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.mark.parametrize(("name", "text"), [("asyncapi.yaml", lambda: to_yaml(DOCUMENT)), ("events.md", page)])
def test_the_committed_documents_agree_with_the_code(name: str, text: Callable[[], str]) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == text(), "run `make docs` and commit the result"


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > len(Subject)
    for reference in found:
        assert resolve(reference)


def test_every_subject_is_a_channel_with_an_owner_and_an_example_that_its_model_accepts() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert addresses == {f"{{mode}}{subject}" for subject in Subject}
    for subject, model in EVENTS.items():
        assert publishers(Subject(subject)), subject
        [example] = DOCUMENT["components"]["messages"][model.__name__]["examples"]
        assert model.model_validate(example["payload"]) == EXAMPLES[subject]


def test_every_durable_has_exactly_one_reader() -> None:
    for durable in DURABLES:
        assert [name for name, access in ACCESS.items() if durable in access.consumes] == [durable.name.split("-")[0]]


def test_the_document_survives_yaml() -> None:
    assert yaml.load(to_yaml(DOCUMENT), Loader=yaml.CSafeLoader) == DOCUMENT
    assert readers(Subject.DEPLOY_REQUESTED)
