"""`python -m tools.page_files`: fetch Swagger UI and ReDoc from npm, and store what our pages load.

Only needed for an update, and only this needs npm: change a version below, run this, put the hashes that it prints into
the table, and open both pages in a browser. A test compares the files in `shared/http/pages` with the table.
"""

import gzip
import hashlib
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.locks import ROOT

FOLDER = ROOT / "shared" / "http" / "pages"


@dataclass(frozen=True)
class Stored:
    """A file of a package, stored under a name of its own; `digest` is the SHA-256 of the content, uncompressed."""

    member: str
    name: str
    digest: str
    replaced: tuple[tuple[bytes, bytes], ...] = ()
    """Texts that occur once, and what is stored instead."""


@dataclass(frozen=True)
class Package:
    """A package of npm at one version. npm itself checks what it fetches against the registry's `integrity`."""

    name: str
    version: str
    licence: str
    files: tuple[Stored, ...]


PACKAGES = (
    Package(
        "swagger-ui-dist",
        "5.35.0",
        "Apache-2.0",
        (
            Stored(
                "swagger-ui-bundle.js",
                "swagger-ui-bundle.js.gz",
                "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
            ),
            Stored(
                "swagger-ui.css",
                "swagger-ui.css.gz",
                "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
            ),
            Stored(
                "favicon-32x32.png", "favicon.png", "3ed612f41e050ca5e7000cad6f1cbe7e7da39f65fca99c02e99e6591056e5837"
            ),
            Stored(
                "LICENSE", "swagger-ui.LICENSE.txt", "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
            ),
            Stored(
                "NOTICE", "swagger-ui.NOTICE.txt", "0d20d1adef18aee3f40dd258172155521ce702ac445cb5f7b7d60ed32dad2fb2"
            ),
            Stored(
                "swagger-ui-bundle.js.LICENSE.txt",
                "swagger-ui-bundle.LICENSE.txt",
                "37eb6e7e59aed57b2c1acf076574b818ea07b74265717e0bd67b59e0baf9abbb",
            ),
        ),
    ),
    Package(
        "redoc",
        "2.5.4",
        "MIT",
        (
            Stored(
                "bundles/redoc.standalone.js",
                "redoc.standalone.js.gz",
                "7cefe58b5630b6b81dc00387f6cff0146e6e5d48740f0ddf54d9871c5182cf90",
                (
                    # Its makers' logo, which the policy of the page forbids; without it ReDoc shows the text alone.
                    (b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,"),
                    # The nonce of its styles, which the option `nonce` would set when some styles are made already.
                    (b"r.nc=void 0", b'r.nc=document.getElementById("redoc").dataset.nonce'),
                ),
            ),
            Stored(
                "LICENSE",
                "redoc.LICENSE.txt",
                "d3026d549cf68ab7355bcfa85877bf8f845b3334a7efbfdc63936432fb34ff0e",
            ),
            Stored(
                "bundles/redoc.standalone.js.LICENSE.txt",
                "redoc.standalone.LICENSE.txt",
                "eed602ec32e00b2b9df1984fbcc26a687b1b3193ec01961389c4b8439e6edf73",
            ),
        ),
    ),
)


def stored(file: Stored) -> bytes:
    """The content of a stored file, uncompressed."""
    content = (FOLDER / file.name).read_bytes()
    return gzip.decompress(content) if file.name.endswith(".gz") else content


def digest(content: bytes) -> str:
    """SHA-256, as in the table."""
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Fetch every package and store its files; prints the digest of each."""
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as directory:
            archive = _fetch(package, Path(directory))
            for file in package.files:
                content = _member(archive, file)
                (FOLDER / file.name).write_bytes(_compressed(content) if file.name.endswith(".gz") else content)
                changed = "" if digest(content) == file.digest else "  (not as in the table)"
                print(f"{package.name} {package.version} {file.name}: {digest(content)}{changed}")


def _fetch(package: Package, directory: Path) -> Path:
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    packed = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)  # noqa: S603 - our table
    return directory / packed.stdout.split()[-1]


def _member(archive: Path, file: Stored) -> bytes:
    with tarfile.open(archive) as opened:
        member = opened.extractfile(f"package/{file.member}")
        if member is None:
            raise SystemExit(f"{archive.name} has no file {file.member}")
        content = member.read()
    for before, after in file.replaced:
        if content.count(before) != 1:
            raise SystemExit(f"{file.member} has {before.decode()} {content.count(before)} times, not once")
        content = content.replace(before, after)
    return content


def _compressed(content: bytes) -> bytes:
    # Without a time, so that the same content gives the same file.
    return gzip.compress(content, mtime=0)


if __name__ == "__main__":
    main()
