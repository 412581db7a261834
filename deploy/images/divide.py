"""Divide an environment that has the packages of every lock into one environment for each lock.

    python divide.py ENVIRONMENT LOCKS FOLDER

The images' environments overlap: most packages are in several of them. So pip unpacks and checks each package once, in
ENVIRONMENT, this compiles it, and LOCKS/gateway.lock gets its packages in FOLDER/gateway, as hard links. The files of a
package are those in its RECORD, and what belongs to no package (the interpreter's links, pyvenv.cfg) is in each
environment. Files that no image uses are left out, and not compiled: one package has 17,000 files of schemas, and 73 of
135 MB of Python are Kubernetes' objects as classes.
"""

import compileall
import os
import re
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

UNUSED = (
    # Each schema in a file of its own; `_definitions.json` has all of a version, and is what shared.kube reads.
    r"kubernetes_validate/kubernetes-json-schema/[^/]+/(?!_definitions\.json$)",
    r"(numpy|scipy)/(.+/)?tests/",
    # Objects are dictionaries here, by the dynamic client; the client imports a class or an API only when it is named.
    r"kubernetes/(aio/)?client/(models|api)/(?!__init__\.py$|__pycache__/__init__\.)",
)
"""Regular expressions of what is left out, on paths in site-packages."""


def divide(environment: Path, locks: Path, folder: Path) -> None:
    """Make FOLDER/<name> for each LOCKS/<name>.lock."""
    [site] = environment.glob("lib/python*/site-packages")
    unused = re.compile("|".join(UNUSED))
    _compile(site, re.compile(f"{re.escape(str(site))}/(?:{unused.pattern})"))
    packages = {_canonical(each.name): set(_files(each)) for each in distributions(path=[str(site)])}
    common = _all_files(environment).difference(*packages.values())
    if unknown := sorted(path for path in common if path.is_relative_to(site)):
        raise SystemExit(f"no package has {unknown[0]} in its RECORD, so it is unclear which images need it")
    for lock in sorted(locks.glob("*.lock")):
        of_packages = set().union(*(packages[name] for name in _locked(lock)))
        files = common | {path for path in of_packages if not unused.match(_within(site, path))}
        _link(files, environment, folder / lock.stem)


def _compile(site: Path, unused: re.Pattern[str]) -> None:
    """Compile what pip was asked not to. A file that is no Python of this version is left as it is, as by pip."""
    compileall.compile_dir(str(site), quiet=2, rx=unused, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def _within(site: Path, path: Path) -> str:
    """A path in site-packages, relative to it; another one (a script) as it is."""
    return path.relative_to(site).as_posix() if path.is_relative_to(site) else path.as_posix()


def _files(package: Distribution) -> Iterable[Path]:
    """The files of a package, scripts and compiled modules included."""
    for path in package.files or ():
        file = Path(os.path.normpath(package.locate_file(path)))
        yield file
        if file.suffix == ".py" and (compiled := Path(cache_from_source(file))).exists():
            yield compiled


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
