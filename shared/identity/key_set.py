"""The public keys of an identity provider (RFC 7517), each bound to the one algorithm of its type. Pure.

So a token can't choose how its key is used: an RSA key checks RS256 and nothing else. Keys of other types, for
encryption, too short or too long to be checked quickly are left out, as are symmetric ones.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt

from shared.identity.token_rules import ALGORITHMS
from shared.identity.verifiers import unauthorized

MOST_KEYS: Final = 100
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
"""The public members of each type. Others are not read: a provider that publishes a private key makes it no worse."""
_ALGORITHM_OF: Final = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
_RSA_BITS: Final = range(2048, 8192 + 1)
_LONGEST_MEMBER: Final = 1400
"""Characters: 8192 bits."""
_LONGEST_EXPONENT: Final = 6
_LONGEST_KEY_ID: Final = 256


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key. Two with the same id, algorithm and members are equal."""

    key_id: str | None
    algorithm: str
    members: tuple[tuple[str, str], ...]
    jwk: "jwt.PyJWK" = field(compare=False, repr=False)

    def signed_payload(self, token: str) -> bytes:
        """The claims of a token, as text, if this key has signed it. Raises Refused (UNAUTHORIZED) if it hasn't."""
        try:
            checked = _signatures().decode_complete(token, key=self.jwk, algorithms=[self.algorithm])
        except jwt.InvalidSignatureError as error:
            raise unauthorized("token-signature", "the token's signature isn't that of its key") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise unauthorized("token-unreadable", "the token can't be read") from error
        payload: bytes = checked["payload"]
        return payload


class KeySet:
    """The keys of one answer of the provider."""

    def __init__(self, keys: Sequence[SigningKey] = ()) -> None:
        self._keys = tuple(keys)
        self._by_id = {(key.key_id, key.algorithm): key for key in reversed(self._keys)}
        self._ids = {key.key_id for key in self._keys}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: SigningKey) -> bool:
        return self._by_id.get((key.key_id, key.algorithm)) == key

    def knows(self, key_id: str) -> bool:
        """Whether a key has this id, whatever its algorithm."""
        return key_id in self._ids

    def find(self, key_id: str | None, algorithm: str) -> SigningKey | None:
        """The key for a token. Without an id it must be the only one of its algorithm."""
        if key_id is not None:
            return self._by_id.get((key_id, algorithm))
        fitting = [key for key in self._keys if key.algorithm == algorithm]
        return fitting[0] if len(fitting) == 1 else None


def read_keys(document: Any) -> KeySet:
    """The usable keys of a JWKS document. Raises ValueError if it isn't one, or has more than MOST_KEYS."""
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise ValueError("it has no list `keys`")
    if len(keys) > MOST_KEYS:
        raise ValueError(f"it has {len(keys)} keys; at most {MOST_KEYS} are read")
    return KeySet(list(_usable(keys)))


@functools.cache
def _signatures() -> "jwt.PyJWS":
    """Made at the first use: without a provider the library isn't loaded."""
    return jwt.PyJWS(algorithms=ALGORITHMS)


def _usable(keys: Sequence[Any]) -> Iterator[SigningKey]:
    for each in keys:
        key = _read(each) if isinstance(each, dict) else None
        if key is not None:
            yield key


def _read(key: Mapping[str, Any]) -> SigningKey | None:
    kind, key_id = key.get("kty"), key.get("kid")
    names = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if names is None or not _is_for_signatures(key) or not _is_key_id(key_id):
        return None
    members: dict[str, str] = {name: key[name] for name in names if _is_short(key.get(name))}
    algorithm = _ALGORITHM_OF.get((str(kind), members.get("crv")))
    if algorithm is None or key.get("alg", algorithm) != algorithm or len(members) < len(names):
        return None
    if kind == "RSA" and len(members["e"]) > _LONGEST_EXPONENT:
        return None
    try:
        jwk = jwt.PyJWK({"kty": str(kind), **members}, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if kind == "RSA" and jwk.key.key_size not in _RSA_BITS:
        return None
    return SigningKey(key_id, algorithm, tuple(members.items()), jwk)


def _is_for_signatures(key: Mapping[str, Any]) -> bool:
    operations = key.get("key_ops", ["verify"])
    return key.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _is_key_id(value: Any) -> bool:
    return value is None or (isinstance(value, str) and 0 < len(value) <= _LONGEST_KEY_ID)


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_MEMBER
