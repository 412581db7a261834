"""`python -m tools.locks`: requirements.lock in parts, one for each image, in `deploy/locks`.

An image installs its part with hashes and nothing else, so that it has what its service needs and no more. The parts
are cut out of requirements.lock by the installed distributions' own metadata, so the versions can't differ from those
which the tests ran with, and no package index is asked.
"""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / "deploy" / "locks"
PROJECT = "ecp-orchestrator"
IMAGES = {
    "gateway": "gateway",
    "calculator": "calculator",
    "manifest": "manifest",
    "deployer": "deployer",
    "monitor": "monitor",
    "simulator": "simulator",
    "migrate": "database",
    "bootstrap": "bus",
    "cli": "cli",
}
"""The Dockerfile's targets, and the extra of pyproject.toml that each needs."""

IMAGE_PYTHON = {
    "python_version": "3.11",
    "python_full_version": "3.11.9",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
"""The interpreter of the images, whichever this runs on."""


def part(lock: str, extra: str) -> str:
    """The lines of `lock` that `extra` needs, with their hashes and markers."""
    needed = closure(extra)
    stanzas = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    kept = [_without_comments(stanza) for stanza in stanzas if _name(stanza) in needed]
    missing = needed - {_name(stanza) for stanza in stanzas}
    if missing:
        raise SystemExit(f"requirements.lock lacks {', '.join(sorted(missing))}; compile it from pyproject.toml again.")
    return f"# Cut out of requirements.lock for the extra `{extra}` by `make docs`.\n{''.join(kept)}"


def closure(extra: str) -> set[str]:
    """Names of all distributions that this project's `extra` needs on this kind of machine, itself left out."""
    seen: set[tuple[str, str]] = set()
    waiting = [(PROJECT, ""), (PROJECT, extra)]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        for requirement in map(Requirement, _requires(name)):
            if requirement.marker is None or requirement.marker.evaluate({**IMAGE_PYTHON, "extra": wanted}):
                target = canonicalize_name(requirement.name)
                waiting += [(target, each) for each in ("", *requirement.extras)]
    return {name for name, _ in seen} - {PROJECT}


def _requires(name: str) -> list[str]:
    """What a distribution requires; nothing where it isn't installed, since this Python doesn't need it."""
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:
        return []


def _name(stanza: str) -> str:
    return canonicalize_name(re.split(r"[=<>!~ \[;]", stanza, maxsplit=1)[0])


def _without_comments(stanza: str) -> str:
    return "".join(f"{line}\n" for line in stanza.splitlines() if not line.lstrip().startswith("#"))


def main() -> None:
    """Write a lock for each image, as a part of `requirements.lock`."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    LOCKS.mkdir(parents=True, exist_ok=True)
    for image, extra in IMAGES.items():
        (LOCKS / f"{image}.lock").write_text(part(lock, extra), encoding="utf-8")


if __name__ == "__main__":
    main()
