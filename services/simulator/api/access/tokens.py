"""Bearer tokens that the simulator makes: its administrator's, and those of service accounts.

A service account's token is a JWT as Kubernetes' TokenRequest gives it, signed by a key of the simulator. It ends by
its time, and with its service account: an account of the same name that was made again has another uid.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.simulator.api.access import users
from services.simulator.api.access.users import AUDIENCE, User
from services.simulator.storage.store import Store

_ALGORITHM: Final = "ES256"
_LONGEST_TOKEN: Final = 8192
_CLAIMS: Final = "kubernetes.io"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The administrator's token, and the key (PEM) that signs the tokens of service accounts."""

    administrator: str
    signing_key: bytes


class Tokens:
    """Makes and checks the tokens of all clusters; `stores` has a cluster once it is loaded."""

    def __init__(self, credentials: Credentials, stores: Callable[[], Mapping[str, Store]]) -> None:
        self._administrator = _digest(credentials.administrator)
        key = load_pem_private_key(credentials.signing_key, password=None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise TypeError("the key of tokens has to be one of an elliptic curve")
        self._private, self._public = key, key.public_key()
        self._stores = stores

    def issue(
        self, cluster: str, account: tuple[str, str, str], seconds: int, audiences: list[str]
    ) -> tuple[str, datetime]:
        """A token for the account (namespace, name, uid), and when it ends."""
        now = datetime.now(UTC).replace(microsecond=0)
        namespace, name, uid = account
        claims = {
            "iss": _issuer(cluster),
            "aud": audiences or [AUDIENCE],
            "sub": users.account_name(namespace, name),
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(seconds=seconds),
            _CLAIMS: {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
        }
        return jwt.encode(claims, self._private, algorithm=_ALGORITHM), now + timedelta(seconds=seconds)

    async def user(self, cluster: str, token: str) -> User | None:
        """The user that the token proves in the cluster; None if it isn't one of ours, or has ended."""
        if not 0 < len(token) <= _LONGEST_TOKEN:
            return None
        if hmac.compare_digest(_digest(token), self._administrator):
            return users.ADMINISTRATOR
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=_issuer(cluster),
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        return self._account(cluster, claims)

    def _account(self, cluster: str, claims: Mapping[str, Any]) -> User | None:
        store, account = self._stores().get(cluster), users.split_account(str(claims["sub"]))
        found = store.get("serviceaccounts", *account) if store is not None and account else None
        uid = claims.get(_CLAIMS, {}).get("serviceaccount", {}).get("uid")
        if found is None or account is None or found["metadata"].get("uid") != uid:
            return None
        return users.service_account(*account, uid)


def _issuer(cluster: str) -> str:
    """Each cluster has its own, so that a token of one is none in another."""
    return f"https://{cluster}.simulator"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
