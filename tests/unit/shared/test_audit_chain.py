"""The check of a chain of seals, on lines as an export has them."""

import hashlib

import pytest

from shared.audit.chain import GENESIS, REMOVAL, Head, digest_of, sealed_bytes
from shared.audit.lines import Line, changes_of, text_of
from tests.support.audit_trails import checked, event, sealed, trail


def lines_of(count: int) -> list[Line]:
    return sealed([event(number) for number in range(1, count + 1)])


def first_problem(lines: list[Line]) -> tuple[int | None, str]:
    verdict = checked(lines)
    assert not verdict.is_intact
    return verdict.problems[0]


def test_an_unchanged_trail_is_intact_and_its_head_is_the_last_seal() -> None:
    lines = lines_of(5)
    verdict = checked(lines)
    assert verdict.is_intact
    assert verdict.sealed == 5
    assert verdict.head == Head(5, lines[-1]["digest"])


def test_an_empty_trail_is_intact() -> None:
    assert checked([trail(Head(0, GENESIS.hex()))]).is_intact


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "another"),
        ("outcome", "refused"),
        ("recorded_at", "2031-01-01T00:00:59.000000Z"),
        ("tenant_id", None),
        ("repeats", 2),
        ("after", {"name": "이름", "revision": 99}),
        ("id", 1),
    ],
)
def test_a_changed_field_is_named_with_its_position(field: str, value: object) -> None:
    lines = lines_of(5)
    lines[3][field] = value
    position, text = first_problem(lines)
    assert position == 3
    assert "was changed" in text


def test_a_change_in_one_row_is_one_problem_and_the_others_are_still_checked() -> None:
    lines = lines_of(5)
    lines[2]["subject"] = lines[4]["subject"] = "another"
    assert [each.position for each in checked(lines).problems] == [2, 4]


def test_a_removed_row_leaves_its_seal() -> None:
    lines = lines_of(5)
    lines[3] = {"type": "missing", "position": 3, "digest": lines[3]["digest"], "id": 9}
    position, text = first_problem(lines)
    assert position == 3
    assert "was removed (row 9)" in text


def test_a_removed_row_with_its_seal_leaves_a_gap() -> None:
    lines = lines_of(5)
    del lines[2:4]
    position, text = first_problem(lines)
    assert position == 2
    assert text == "positions 2 to 3 are missing, rows and seals"


def test_rows_that_are_missing_at_the_end_are_noticed_by_the_head() -> None:
    position, text = first_problem(lines_of(5)[:-1])
    assert position == 5
    assert "is missing" in text


def test_exchanged_rows_are_noticed_at_the_first_of_them() -> None:
    lines = lines_of(5)
    lines[2], lines[4] = (
        {**lines[4], "position": 2, "digest": lines[2]["digest"]},
        {**lines[2], "position": 4, "digest": lines[4]["digest"]},
    )
    assert [each.position for each in checked(lines).problems] == [2, 4]


def test_a_row_without_a_seal_is_only_missing_if_it_isn_t_queued() -> None:
    lines = lines_of(2)
    waiting = {**event(3), "position": None, "queued": True}
    assert checked([*lines, waiting]).waiting == 1
    position, text = first_problem([*lines, {**waiting, "queued": False}])
    assert position is None
    assert "inserted past the queue" in text


def test_a_row_that_was_removed_before_its_seal_is_known_from_the_queue() -> None:
    lines = lines_of(2)
    lines[0]["lost"] = [77]
    assert "row 77" in first_problem(lines)[1]


def test_a_chain_that_was_written_again_is_only_noticed_by_a_head_that_was_noted() -> None:
    noted = Head(2, lines_of(3)[2]["digest"])
    forged = sealed([event(number, subject="another") for number in range(1, 4)])
    assert checked(forged).is_intact
    verdict = checked(forged, noted)
    assert verdict.problems[0].position == 2
    assert checked(lines_of(3), noted).is_intact


def removed_until(anchor: int, *, by: str = "owner", **changes: object) -> list[Line]:
    """A trail of 5 rows of which retention removed some; the fifth is its record."""
    events = [event(number) for number in range(1, 5)]
    digest = sealed(events)[anchor]["digest"]
    after = {"removed": anchor, "position": anchor, "digest": digest, "keep_days": 400, **changes}
    record = event(5, operation=REMOVAL, recorded_by=by, subject="retention", kind="system", after=after)
    first, *lines = sealed([*events, record])
    kept = [line for line in lines if line["position"] > anchor]
    missing = {"type": "missing", "position": anchor, "digest": digest, "id": anchor * 3}
    return [{**first, "anchor": anchor}, missing, *kept]


def test_what_retention_removed_ends_at_an_anchor_from_which_the_rest_is_checked() -> None:
    verdict = checked(removed_until(2))
    assert verdict.is_intact, verdict.problems
    assert verdict.sealed == 3
    lines = removed_until(2)
    lines[2]["subject"] = "another"
    assert checked(lines).problems[0].position == 3


@pytest.mark.parametrize(
    "lines",
    [removed_until(2, position=1), removed_until(2, digest="00" * 32), removed_until(2, by="ecp_gateway")],
    ids=["another position", "another digest", "recorded by a service"],
)
def test_rows_that_are_gone_without_a_record_of_retention_are_a_problem(lines: list[Line]) -> None:
    position, text = checked(lines).problems[-1]
    assert position == 2
    assert "no row records" in text


def test_a_head_before_the_anchor_can_t_be_compared_any_more() -> None:
    verdict = checked(removed_until(2), Head(1, "ab" * 32))
    assert "was removed by retention" in verdict.problems[0].text


def test_no_content_of_a_field_moves_into_another_one() -> None:
    one = event(1, subject="a,1:b", kind="c")
    other = event(1, subject="a", kind="b,1:c")
    assert sealed_bytes(1, one) != sealed_bytes(1, other)
    assert digest_of(GENESIS, 1, one) == hashlib.sha256(GENESIS + sealed_bytes(1, one)).digest()
    assert sealed_bytes(1, event(1, code=None)) != sealed_bytes(1, event(1, code=""))


DEEP = '{"a":' + 300 * "[" + 300 * "]" + "}"


@pytest.mark.parametrize(
    "text", ['{"a":1}', '{"a": 1}', '{"a":1,"a":2}', "[1]", "broken", '{"b":{"c":"한"}}', '"x"', DEEP]
)
def test_the_text_of_a_change_is_the_same_after_an_export(text: str) -> None:
    assert text_of(changes_of(text)) == text


@pytest.mark.parametrize("text", ["", "1", f"1:{'0' * 63}", f"x:{'0' * 64}", f"1:{'G' * 64}", f"{'9' * 19}:{'0' * 64}"])
def test_a_noted_head_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        Head.parse(text)


def test_a_noted_head_reads_as_it_is_written() -> None:
    head = Head(4711, "0a" * 32)
    assert Head.parse(str(head)) == head
