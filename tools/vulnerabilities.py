"""`python -m tools.vulnerabilities`: known vulnerabilities of the locked packages, as the package index publishes them.

Exit status 1 if there is one that IGNORED doesn't name. Without an index that describes releases it prints that nothing
was scanned. In CI it informs and fails nothing: an advisory of today is no fault of the commit. PyPI's description of a
release lists the advisories of the Python Packaging Advisory Database. Its address is the one that pip has built in,
so an index of a company, which has no such description, is not asked.
"""

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pip._internal.models.index import PyPI

from tools.locks import ROOT

LOCK = ROOT / "requirements.lock"
IGNORED: Mapping[str, str] = {}
"""Ids of vulnerabilities that don't concern us, each with the reason."""
_AT_ONCE = 4
_SECONDS = 20.0
_LARGEST = 20 * 1024 * 1024
_PINNED = re.compile(r"(?m)^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")


class IndexAway(Exception):
    """The index doesn't answer as documented."""


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One advisory for a locked version."""

    package: str
    id: str
    fixed_in: tuple[str, ...]
    summary: str

    def __str__(self) -> str:
        fix = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package}: {self.id} ({fix}) {self.summary}"


def pinned(lock: str) -> list[tuple[str, str]]:
    """Name and version of each package of a lock file."""
    return [(found["name"], found["version"]) for found in _PINNED.finditer(lock)]


def advisories(name: str, version: str, index: str = PyPI.pypi_url) -> list[Vulnerability]:
    """What is known of one release. Raises IndexAway."""
    description = _ask(f"{index}/{name}/{version}/json")
    found = description.get("vulnerabilities", [])
    return [
        Vulnerability(
            f"{name} {version}",
            str(each["id"]),
            tuple(map(str, each.get("fixed_in") or ())),
            " ".join(str(each.get("summary") or each.get("details") or "").split())[:120],
        )
        for each in found
        if not each.get("withdrawn") and str(each["id"]) not in IGNORED
    ]


def scan(packages: list[tuple[str, str]], index: str = PyPI.pypi_url) -> Iterator[Vulnerability]:
    """The vulnerabilities of all packages, in their order. Raises IndexAway."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for found in pool.map(lambda each: advisories(each[0], each[1], index), packages):
            yield from found


def _ask(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - pip's own address
            found = json.loads(answer.read(_LARGEST))
    except urllib.error.HTTPError as error:
        raise IndexAway(f"{url}: {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        raise IndexAway(f"{url}: {error}") from error
    if not isinstance(found, dict):
        raise IndexAway(f"{url}: no description of a release")
    return found


def main() -> int:
    """Print each vulnerability, and how many packages were looked at."""
    packages = pinned(LOCK.read_text(encoding="utf-8"))
    try:
        found = list(scan(packages))
    except IndexAway as error:
        print(f"Not scanned: the package index can't be asked ({error}).")
        return 0
    for each in found:
        print(each)
    print(f"{len(packages)} packages, {len(found)} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
