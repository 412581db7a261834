"""Divide an environment that has the packages of every lock into one environment for each lock.

    python divide.py ENVIRONMENT LOCKS FOLDER

The images' environments overlap: most packages are in several of them. So pip unpacks, checks and compiles each package
once, in ENVIRONMENT, and LOCKS/gateway.lock gets its packages in FOLDER/gateway, as hard links. The files of a package
are those in its RECORD, and what belongs to no package (the interpreter's links, pyvenv.cfg) is in each environment.
Files that no image uses are left out, which are half of all: one package has 17,000 files of schemas.
"""

import os
import re
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

UNUSED = (
    # Each schema in a file of its own; `_definitions.json` has all of a version, and is what shared.kube reads.
    r"kubernetes_validate/kubernetes-json-schema/[^/]+/(?!_definitions\.json$)",
    r"(numpy|scipy)/(.+/)?tests/",
)
"""Regular expressions of what is left out, on paths in site-packages."""


def divide(environment: Path, locks: Path, folder: Path) -> None:
    """Make FOLDER/<name> for each LOCKS/<name>.lock."""
    [site] = environment.glob("lib/python*/site-packages")
    packages = {_canonical(each.name): set(_files(each)) for each in distributions(path=[str(site)])}
    common = _all_files(environment).difference(*packages.values())
    if unknown := sorted(path for path in common if path.is_relative_to(site)):
        raise SystemExit(f"no package has {unknown[0]} in its RECORD, so it is unclear which images need it")
    unused = re.compile("|".join(UNUSED))
    for lock in sorted(locks.glob("*.lock")):
        of_packages = set().union(*(packages[name] for name in _locked(lock)))
        files = common | {path for path in of_packages if not unused.match(_within(site, path))}
        _link(files, environment, folder / lock.stem)


def _within(site: Path, path: Path) -> str:
    """A path in site-packages, relative to it; another one (a script) as it is."""
    return path.relative_to(site).as_posix() if path.is_relative_to(site) else path.as_posix()


def _files(package: Distribution) -> Iterable[Path]:
    """The files of a package, scripts and compiled modules included."""
    return (Path(os.path.normpath(package.locate_file(path))) for path in package.files or ())


def _all_files(environment: Path) -> set[Path]:
    """All files and links. A link to a folder (lib64) counts as a file."""
    found: set[Path] = set()
    for parent, folders, files in os.walk(environment):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found.update(Path(parent, name) for name in (*files, *links))
    return found


def _locked(lock: Path) -> set[str]:
    """The names of a lock's packages; a package with a marker for several versions of Python is there twice."""
    return {_canonical(name) for name in re.findall(r"(?m)^([A-Za-z0-9._-]+)==", lock.read_text(encoding="utf-8"))}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _link(files: Iterable[Path], environment: Path, target: Path) -> None:
    for path in files:
        link = target / path.relative_to(environment)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, link, follow_symlinks=False)


if __name__ == "__main__":
    divide(*map(Path, sys.argv[1:]))
