"""`ecp dlq` at a terminal, on a real server."""

from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest

from embedded.nats import running_nats
from shared.bus.bootstrap import bootstrap
from tests.support.warm_programs import WarmPrograms

REASON = "sla_target: '[/x]' is no [bold]duration[/bold] :smile:"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A server with three dead letters."""
    async with running_nats(tmp_path) as url:
        client = await nats.connect(url)
        await bootstrap(client.jetstream())
        for number in (1, 2, 3):
            headers = {"dlq-subject": "tenant.created", "dlq-consumer": f"c{number}", "dlq-reason": REASON}
            headers |= {"coloured": "\x1b[31mred", "dlq-cut": "the first part of 9 bytes"}
            await client.jetstream().publish("dlq.tenant.created", b'{"a', headers=headers)
        await client.close()
        yield url


async def dlq(programs: WarmPrograms, url: str, *arguments: str) -> tuple[int, str]:
    ended = await programs.run("cli", "dlq", *arguments, OPERATOR_NATS_URL=url)
    return ended.status, ended.output + ended.errors


async def test_what_others_wrote_is_shown_as_it_is_and_the_rest_is_listed_after_the_newest_was_dropped(
    programs: WarmPrograms, url: str
) -> None:
    assert await dlq(programs, url, "drop", "3") == (0, "3: dropped\n")
    status, listed = await dlq(programs, url, "list")
    assert status == 0, listed
    assert listed.count(REASON) == 2
    status, shown = await dlq(programs, url, "show", "1")
    assert status == 0, shown
    assert f"dlq-reason: {REASON}" in shown
    assert "\x1b" not in shown


async def test_a_truncated_dead_letter_is_not_replayed_and_the_reason_is_printed(
    programs: WarmPrograms, url: str
) -> None:
    status, output = await dlq(programs, url, "replay", "1")
    assert status == 1
    assert "can't be replayed" in output
