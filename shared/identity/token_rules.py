"""What the header and the claims of a token must be. Pure.

The signature is PyJWT's; the claims are checked here, because here the time is an argument, `azp` counts, and only
numbers are times: PyJWT reads `"exp": "2000000000"` and `"exp": true` as times too.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.identity.verifiers import unauthorized

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
"""Signatures that can be checked with a public key alone; each belongs to one type of key."""
LARGEST_TOKEN: Final = 16 * 1024
"""Characters. A token with a hundred roles and tenants has 6 KB."""
_LARGEST_HEADER: Final = 2048
_LONGEST_KEY_ID: Final = 256
_REFUSED_HEADERS: Final = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})
"""They name a key of the sender's own, or ask for a kind of reading that we don't do."""
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
"""A token that was made for another purpose, such as `logout+jwt`, is no access token (RFC 8725, 3.11)."""

_OTHER_USES: Final = frozenset({"id", "refresh", "offline", "logout"})
"""What Keycloak has in the claim `typ`, and Cognito in `token_use`, of tokens that aren't for calls."""

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """What chooses the key."""

    algorithm: str
    key_id: str | None


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must have to count. Raises Refused (UNAUTHORIZED) where it doesn't."""

    issuer: str
    audiences: frozenset[str]
    """One of them must be in `aud`."""
    client_id: str | None
    """Without an audience of our own, a token that was issued to this client (`azp`) counts too."""
    algorithms: tuple[str, ...]
    skew: float
    """Seconds that the provider's clock and ours may differ."""

    def header_of(self, token: str) -> TokenHeader:
        """The header of a token that isn't checked yet."""
        header = _read_header(token)
        refused = sorted(_REFUSED_HEADERS & header.keys())
        if refused:
            raise unauthorized("token-header", "the token's header has {name}, which isn't accepted", name=refused[0])
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self.algorithms:
            allowed = ", ".join(self.algorithms)
            raise unauthorized("token-algorithm", "the token must be signed by {allowed}", allowed=allowed)
        if key_id is not None and not (isinstance(key_id, str) and 0 < len(key_id) <= _LONGEST_KEY_ID):
            raise _malformed()
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise _other_use()
        return TokenHeader(algorithm, key_id)

    def check_claims(self, claims: Claims, now: float) -> None:
        """Check issuer, audience and times, at `now` in Unix seconds."""
        if claims.get("iss") != self.issuer:
            raise unauthorized("token-issuer", "the token's issuer must be {issuer}", issuer=self.issuer)
        if not self._is_for_us(claims):
            wanted = ", ".join(sorted(self.audiences))
            raise unauthorized("token-audience", "the token's audience must be {audience}", audience=wanted)
        uses = {str(claims.get(name, "")).lower() for name in ("typ", "token_use")}
        if uses & _OTHER_USES or "events" in claims:
            raise _other_use()
        self._check_times(claims, now)

    def _check_times(self, claims: Claims, now: float) -> None:
        expires, begins, issued = (time_of(claims, name) for name in ("exp", "nbf", "iat"))
        if expires is None:
            raise lacking("exp")
        if expires <= now - self.skew:
            raise unauthorized("token-expired", "the token has expired; sign in again")
        if max(begins or 0.0, issued or 0.0) > now + self.skew:
            raise unauthorized("token-not-yet-valid", "the token isn't valid yet; compare the clocks of both machines")

    def _is_for_us(self, claims: Claims) -> bool:
        named = claims.get("aud")
        audiences = [named] if isinstance(named, str) else named if isinstance(named, list) else []
        if any(isinstance(each, str) and each in self.audiences for each in audiences):
            return True
        return self.client_id is not None and claims.get("azp") == self.client_id


def time_of(claims: Claims, name: str) -> float | None:
    """A time in Unix seconds; None if it isn't there. Raises Refused for what is no time."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 2**53 or math.isnan(value):
        raise lacking(name)
    return float(value)


def claims_of(payload: bytes) -> Claims:
    """The claims as a mapping. Raises Refused."""
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise _malformed() from error
    if not isinstance(claims, dict):
        raise _malformed()
    return claims


def unchecked_claims(token: str) -> Claims:
    """The claims of a token whose signature isn't checked: they decide nothing but whether it is worth a fetch."""
    return claims_of(_decoded(token.split(".")[1]))


def lacking(claim: str) -> Exception:
    """The refusal of a token whose claim is missing, or of another type."""
    return unauthorized("token-claim", "the token's claim {claim} is missing or unusable", claim=claim)


def _read_header(token: str) -> dict[str, Any]:
    """The first of three parts, bounded before it is parsed."""
    if len(token) > LARGEST_TOKEN:
        raise unauthorized("token-too-long", "the token is longer than {most} characters", most=LARGEST_TOKEN)
    first, *others = token.split(".", 5)
    if len(others) != 2 or not all(others) or not first or len(first) > _LARGEST_HEADER:
        raise _malformed()
    header = claims_of(_decoded(first))
    return dict(header)


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed() from error


def _other_use() -> Exception:
    return unauthorized("token-type", "the token was made for another purpose than access; send the access token")


def _malformed() -> Exception:
    return unauthorized("token-malformed", "the token isn't a signed JSON Web Token in three parts")
