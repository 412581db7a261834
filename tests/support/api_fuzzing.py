"""Test a running server against its OpenAPI document: schemathesis generates requests, and responses are checked.

Most of the time goes into drawing cases, so each is drawn once and sent to all targets, such as both modes of a server.

A campaign is a sequence of batches. Batch number n is always the same operation with the same seed, so that an
interrupted run can continue, and a finding can be reproduced from its seed and batch.
"""

import asyncio
import gc
import json
import os
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.openapi.checks import UndefinedStatusCode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

BATCH: Final = 8
"""Cases of one operation in a row. More are cheaper, and take longer to come round all operations."""
SHORT: Final = 2_000
LONG: Final = 20_000
SEED: Final = int(os.environ.get("FUZZ_SEED", "1"))
ANSWER_SECONDS: Final = 30.0
"""A response that takes longer counts as a hang; high, because other programs use the machine too."""
ALLOCATIONS: Final = 50_000
"""Between two collections of garbage; Python's default is 700, and a case makes thousands."""
CONFORMANCE: Final = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@dataclass(frozen=True)
class Target:
    """Where each case is sent: a server in one of its modes.

    `known` has values of path parameters that exist there: three of four rounds use them, since a made-up tenant is
    only ever a 404. All targets have equally many for each name. `fix` may change a case before it is sent.
    """

    name: str
    base_url: str
    known: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    fix: Callable[[Case[Any]], None] = lambda case: None

    def existing(self, positions: Mapping[str, int]) -> dict[str, Any]:
        """The values of path parameters at these positions."""
        return {name: self.known[name][position] for name, position in positions.items()}


@dataclass(frozen=True)
class Finding:
    """A response that the document doesn't allow, and how to reproduce it."""

    target: str
    operation: str
    batch: int
    what: str
    curl: str

    def __str__(self) -> str:
        return f"{self.target}, batch {self.batch}, {self.operation}: {self.what}\n    {self.curl}"


@dataclass
class Campaign:
    """One document and the targets that it describes. `reasons` has the texts that explain a 5xx."""

    document: dict[str, Any]
    targets: Sequence[Target]
    seed: int = SEED
    reasons: Sequence[str] = ()
    batch: int = BATCH
    drawn: int = 0
    findings: list[Finding] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        schema = schemathesis.openapi.from_dict(self.document)
        self._operations: list[APIOperation[Any, Any, Any, Any]] = [
            result.ok() for result in schema.get_all_operations()
        ]
        self._session = requests.Session()
        self._session.trust_env = False

    def run(self, cases: int, position: int = 0) -> Iterator[int]:
        """Send at least `cases` cases to each target, from batch `position` on; yields the next batch's number."""
        enough = self.drawn + cases
        while self.drawn < enough:
            self._batch(position)
            position += 1
            yield position

    def _batch(self, number: int) -> None:
        """One operation; rounds over all of them alternate between valid and invalid, known and made-up parameters."""
        turn, index = divmod(number, len(self._operations))
        operation = self._operations[index]
        can_be_invalid = bool(operation.body or operation.query)
        mode = GenerationMode.NEGATIVE if turn % 2 and can_be_invalid else GenerationMode.POSITIVE
        chance = random.Random(f"{self.seed}/{number}")
        positions = self._positions(operation, chance) if turn % 4 < 3 else {}
        fixed = self.targets[0].existing(positions)
        strategy = operation.as_strategy(generation_mode=mode, path_parameters=fixed or None)

        @seeded(chance.getrandbits(64))
        @settings(
            database=None,
            deadline=None,
            phases=[Phase.generate],
            max_examples=self.batch,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def send(case: Case[Any]) -> None:
            self._send_to_all(case, positions, number)

        # Sometimes no parameter can be made invalid.
        with suppress(Unsatisfiable):
            send()

    def _positions(self, operation: APIOperation[Any, Any, Any, Any], chance: random.Random) -> dict[str, int]:
        """Which existing values go into the path; only the last ones may be deleted, so that the others remain."""
        known = self.targets[0].known
        found = {each.name: len(known[each.name]) for each in operation.path_parameters if each.name in known}
        if operation.method == "delete":
            return {name: count - 1 for name, count in found.items()}
        return {name: chance.randrange(count - 1) for name, count in found.items()}

    def _send_to_all(self, case: Case[Any], positions: Mapping[str, int], batch: int) -> None:
        self.drawn += 1
        parameters, headers, body = case.path_parameters, case.headers, case.body
        for target in self.targets:
            case.path_parameters = {**parameters, **target.existing(positions)}
            case.headers, case.body = headers.copy(), body
            target.fix(case)
            self._send(case, target, batch)

    def _send(self, case: Case[Any], target: Target, batch: int) -> None:
        try:
            response = case.call(
                target.base_url, session=self._session, headers=dict(target.headers), timeout=ANSWER_SECONDS
            )
        except requests.RequestException as error:
            self.statuses[0] += 1
            self._found(case, target, batch, f"no answer: {error!r}")
            return
        self.statuses[response.status_code] += 1
        if response.status_code >= 500 and not self._explained(response):
            self._found(case, target, batch, f"{response.status_code}: {response.text[:300]}")
            return
        try:
            case.validate_response(response, checks=CONFORMANCE)
        except FailureGroup as group:
            for failure in group.exceptions:
                self._found(case, target, batch, _described(failure, response))

    def _explained(self, response: Response) -> bool:
        """Whether a 5xx names a missing dependency as its reason."""
        return any(reason in response.text for reason in self.reasons)

    def _found(self, case: Case[Any], target: Target, batch: int, what: str) -> None:
        curl = case.as_curl_command(headers=dict(target.headers))
        self.findings.append(Finding(target.name, case.operation.label, batch, what, curl[:2000]))

    def report(self) -> str:
        """A few findings of each kind, because the others are mostly duplicates."""
        kinds: dict[tuple[str, str], list[Finding]] = {}
        for each in self.findings:
            kinds.setdefault((f"{each.target} {each.operation}", each.what[:80]), []).append(each)
        count = f"{self.drawn} cases to {' and '.join(each.name for each in self.targets)}"
        lines = [f"seed {self.seed}: {count}, {dict(self.statuses)}, {len(self.findings)} findings"]
        lines += [f"{len(those)} x {those[0]}" for those in kinds.values()]
        return "\n".join(lines)


def _described(failure: Failure | Exception, response: Response) -> str:
    if isinstance(failure, UndefinedStatusCode):
        return f"undocumented status {response.status_code}: {response.text[:200]}"
    return f"{response.status_code}, {str(failure)[:1500]}"


@dataclass
class Progress:
    """Progress of a long campaign: a file with seed, next batch and number of cases, rewritten after each batch."""

    path: Path
    seed: int
    position: int = 0
    sent: int = 0

    @classmethod
    def load(cls, path: Path, seed: int) -> "Progress":
        """The stored progress of this seed, else the beginning."""
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["seed"] == seed:
                return cls(path, **stored)
        return cls(path, seed)

    def save(self) -> None:
        """Replace the file atomically, because the run may be interrupted at any moment."""
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps({"seed": self.seed, "position": self.position, "sent": self.sent}))
        partial.replace(self.path)


@contextmanager
def collecting_less() -> Iterator[None]:
    """Collect garbage less often, and leave out documents and strategies, which live as long as the campaign."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def check_short(campaign: Campaign, cases: int = SHORT) -> None:
    """The campaign of `make test-fuzz`: the same operations and seeds each time."""
    with collecting_less():
        await asyncio.to_thread(lambda: deque(campaign.run(cases), maxlen=0))
    assert not campaign.findings, campaign.report()


async def check_long(campaign: Campaign, config: pytest.Config, name: str, cases: int = LONG) -> None:
    """The campaign of `make test-long`: resumes an interrupted run of the same seed from pytest's cache."""
    progress = Progress.load(config.cache.mkdir("fuzzing") / f"{name}.json", campaign.seed)

    def go_on() -> None:
        before = progress.sent
        for position in campaign.run(cases - before, progress.position):
            progress.position = position
            progress.sent = before + campaign.drawn
            progress.save()

    with collecting_less():
        await asyncio.to_thread(go_on)
    progress.path.unlink(missing_ok=True)
    assert not campaign.findings, campaign.report()
