"""An identity provider of the tests' own: keys, tokens of any kind, and a real server with discovery and keys.

It answers whatever a test wants, and counts what it was asked. Tokens are right unless a test changes something.
"""

import asyncio
import functools
import json
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from shared.identity.caller import Role

CLIENT = "ecp"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_ALGORITHMS: Mapping[type, tuple[str, Any]] = {
    rsa.RSAPrivateKey: ("RS256", RSAAlgorithm),
    ec.EllipticCurvePrivateKey: ("ES256", ECAlgorithm),
    ed25519.Ed25519PrivateKey: ("EdDSA", OKPAlgorithm),
}


@functools.cache
def rsa_key(number: int = 1, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key that is made once: it takes a tenth of a second."""
    return rsa.generate_private_key(65537, bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def _kind_of(key: PrivateKey) -> tuple[str, Any]:
    return next(kind for cls, kind in _ALGORITHMS.items() if isinstance(key, cls))


def algorithm_of(key: PrivateKey) -> str:
    return str(_kind_of(key)[0])


def public_jwk(key: PrivateKey, key_id: str | None = None, **members: Any) -> dict[str, Any]:
    """The public key as a provider publishes it."""
    algorithm, kind = _kind_of(key)
    jwk = kind.to_jwk(key.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    named = {} if key_id is None else {"kid": key_id}
    return {**jwk, "use": "sig", "alg": algorithm, **named, **members}


@dataclass
class Answer:
    """An answer of the server instead of the usual one. `released` is waited for before it is sent."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    released: asyncio.Event | None = None


@dataclass
class TokenIssuer:
    """The provider. `keys` are the private keys by id; what is published follows them."""

    url: str = "http://127.0.0.1:1"
    keys: dict[str, PrivateKey] = field(default_factory=lambda: {"first": ec_key()})
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    serving: set[Any] = field(default_factory=set)
    """The tasks of its connections."""

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Right claims, with changes; `...` leaves one out."""
        now = int(time.time())
        right = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "user-1",
            "iat": now,
            "exp": now + 300,
            "email": "user@example.com",
            "realm_access": {"roles": ["offline_access", Role.VIEWER.value]},
            "tenant_access": ["tenant-of-user-1"],
        }
        return {name: value for name, value in (right | changes).items() if value is not ...}

    def token(self, key_id: str | None = "first", *, key: PrivateKey | None = None, **changes: Any) -> str:
        """A signed token with these claims; without `key`, by the key that has the id."""
        signing = key or self.keys[key_id or "first"]
        headers = {} if key_id is None else {"kid": key_id}
        return jwt.encode(self.claims(**changes), signing, algorithm=algorithm_of(signing), headers=headers)

    def as_role(self, role: Role, *tenants: str, subject: str = "user-1", **changes: Any) -> dict[str, str]:
        """The header of a caller with this role and these tenants."""
        token = self.token(sub=subject, realm_access={"roles": [role.value]}, tenant_access=list(tenants), **changes)
        return {"Authorization": f"Bearer {token}"}

    def document(self, path: str) -> Answer:
        """The usual answer at `path`."""
        if path == DISCOVERY:
            return Answer(json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}"}).encode())
        if path == KEYS:
            keys = [public_jwk(key, key_id) for key_id, key in self.keys.items()]
            return Answer(json.dumps({"keys": keys}).encode())
        return Answer(status=404)


@asynccontextmanager
async def running_issuer(tls: ssl.SSLContext | None = None, **fields: Any) -> AsyncIterator[TokenIssuer]:
    """An issuer that listens on a free port."""
    issuer = TokenIssuer(**fields)
    server = await asyncio.start_server(functools.partial(_serve, issuer), "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    issuer.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield issuer
    finally:
        server.close()
        for answer in issuer.answers.values():
            if answer.released is not None:
                answer.released.set()
        await asyncio.gather(*issuer.serving, return_exceptions=True)


async def _serve(issuer: TokenIssuer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request on one connection."""
    issuer.serving.add(asyncio.current_task())
    with suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        issuer.asked[path] += 1
        answer = issuer.answers.get(path) or issuer.document(path)
        if answer.released is not None:
            await answer.released.wait()
        headers = {"Content-Length": str(len(answer.body)), "Connection": "close", **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + answer.body)
        await writer.drain()
    writer.close()
