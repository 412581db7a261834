"""Both READMEs have the same content, and refer only to existing things; other tests run their commands (`Place`)."""

import re
from pathlib import Path

import pytest

from tests.support.readmes import OPERATIONS, READMES, ROOT, Example, Place, agrees, examples, place

pytestmark = pytest.mark.slow


ENGLISH, KOREAN = (path.read_text(encoding="utf-8") for path in READMES)
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))


def test_both_languages_have_the_same_commands_with_the_same_output() -> None:
    assert examples(READMES[0]) == examples(READMES[1])


def test_both_languages_have_the_same_structure() -> None:
    def structure(text: str) -> list[str]:
        outside = re.sub(r"(?ms)^```.*?^```$", "```", text)
        lines = (re.match(r"(#+ |\|.*|```|$)", line) for line in outside.splitlines())
        shapes = [found[0] for found in lines if found and found[0]]
        return [f"{shape.count('|')} cells" if shape.startswith("|") else shape for shape in shapes]

    assert structure(ENGLISH) == structure(KOREAN)


def test_both_languages_have_the_same_figures_and_link_to_the_same_places() -> None:
    def figures(text: str) -> list[str]:
        tables = "\n".join(line for line in text.splitlines() if line.startswith("|"))
        return re.findall(r"\d+(?:\.\d+)?(?= MB|x|/s| ms)", tables)

    def links(text: str) -> set[str]:
        return {link for link in re.findall(r"]\(([^)#]+)\)", text) if not link.startswith("README")}

    assert figures(ENGLISH) == figures(KOREAN)
    assert figures(ENGLISH)
    assert links(ENGLISH) == links(KOREAN)


@pytest.mark.parametrize(
    "path", [*READMES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_every_link_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for link, anchor in re.findall(r"]\((?!https?://)([^)#]*)(#[^)]*)?\)", text):
        assert (path.parent / link).exists(), link
        headings = {
            re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.+)$", text)
        }
        assert link or anchor[1:] in headings, anchor


@pytest.mark.parametrize("page", [READMES[0], OPERATIONS], ids=lambda page: page.name)
def test_every_command_is_run_by_some_test(page: Path) -> None:
    places = {example.command: place(example.command) for example in examples(page)}

    continuous = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in (command for command, where in places.items() if where is Place.CI):
        assert re.search(rf"(?m)^(shown \w+ )?{command}( |$)", continuous), command
    assert Place.CONTAINERS in places.values()


@pytest.mark.parametrize(
    "command", ["make test-everything", "docker ps", "rm -rf .ecp", "cp .env.example x", "helm up"]
)
def test_a_command_that_no_test_would_run_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="no test runs"):
        place(command)


def test_every_make_target_that_a_page_names_exists() -> None:
    for path in [*READMES, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        named = re.findall(r"`make ([a-z-]+)", path.read_text(encoding="utf-8"))
        assert set(named) <= TARGETS, path.name


def test_what_is_shown_may_leave_out_and_vary_but_not_differ() -> None:
    example = Example("make run", ("began", "...", "done after 3.2 s", 'id "dep-0123456789ab", …'))

    assert agrees(example, 'began\nmany\nlines\ndone after 12.9 s\nid "dep-ffffffffffff", and more\n')
    assert not agrees(example, 'began\nmany\ndone after 12.9 s\nid "other", and more\n')
    assert not agrees(example, 'began\ndone after 12.9 s\nid "dep-ffffffffffff", x\nunexpected\n')
    assert not agrees(Example("true", ("words",)), "")
    assert agrees(Example("true", ()), "")
    assert agrees(Example("bench", ("│ a case │ 3.96 │ below │",)), "│ a case │  14.2 │ below │\n")
    assert not agrees(Example("bench", ("│ a case │ 3.96 │ below │",)), "│ a case │ 14.2 │ ABOVE │\n")
