"""Tokens that prove nothing, each with the id of the refusal: what forgers try, and what goes wrong by itself.

All are made for the provider of `token_issuer` with the keys "first" and "second" (ES256) and "third" (RS256).
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.token_issuer import PrivateKey, TokenIssuer, ec_key, public_jwk, rsa_key

Forger = Callable[[TokenIssuer], str]
_DEEP = b"[" * 5000


def forged_keys() -> dict[str, PrivateKey]:
    """The keys of the provider whose tokens are forged."""
    return {"first": ec_key(), "second": ec_key(), "third": rsa_key(1)}


def encoded(part: Mapping[str, Any] | bytes) -> str:
    """One part of a token."""
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(
    issuer: TokenIssuer,
    header: Mapping[str, Any] | bytes,
    claims: Mapping[str, Any] | bytes,
    key: Any = None,
    algorithm: str = "ES256",
) -> str:
    """A token with any header and claims, with a signature over them: the provider's unless there is a key."""
    content = f"{encoded(header)}.{encoded(claims)}"
    signature = jwt.get_algorithm_by_name(algorithm).sign(content.encode(), key or issuer.keys["first"])
    return f"{content}.{encoded(signature)}"


def header(**changes: Any) -> dict[str, Any]:
    right = {"alg": "ES256", "kid": "first", "typ": "JWT"}
    return {name: value for name, value in (right | changes).items() if value is not ...}


def _with_header(**changes: Any) -> Forger:
    return lambda issuer: signed(issuer, header(**changes), issuer.claims())


def _raw_header(content: bytes) -> Forger:
    return lambda issuer: signed(issuer, content, issuer.claims())


def _with_claims(**changes: Any) -> Forger:
    return lambda issuer: issuer.token(**changes)


def _raw_claims(content: bytes) -> Forger:
    return lambda issuer: signed(issuer, header(), content)


def _unsigned(algorithm: str, signature: str) -> Forger:
    return lambda issuer: f"{encoded(header(alg=algorithm))}.{encoded(issuer.claims())}.{signature}"


def _by_public_key(algorithm: str) -> Forger:
    """The known attack: the public key, which anybody has, is used as the secret of a symmetric signature."""

    def forge(issuer: TokenIssuer) -> str:
        public = issuer.keys["third"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        claims = f"{encoded(header(alg=algorithm, kid='third'))}.{encoded(issuer.claims())}"
        # PyJWT refuses to sign with such a key; a forger doesn't ask it.
        signature = jwt.get_algorithm_by_name(algorithm).sign(claims.encode(), public)
        return f"{claims}.{encoded(signature)}"

    return forge


def _by_another_key(**changes: Any) -> Forger:
    return lambda issuer: signed(issuer, header(**changes), issuer.claims(), key=ec_key())


def _by_another_rsa_key(**changes: Any) -> Forger:
    return lambda issuer: signed(issuer, header(alg="RS256", **changes), issuer.claims(), rsa_key(2), "RS256")


def _with_own_jwk(issuer: TokenIssuer) -> str:
    key = ec_key()
    return signed(issuer, header(jwk=public_jwk(key, "first")), issuer.claims(), key=key)


def _with_other_payload(issuer: TokenIssuer) -> str:
    first, _, third = issuer.token().split(".")
    return f"{first}.{encoded(issuer.claims(realm_access={'roles': ['admin']}))}.{third}"


def _with_other_header(issuer: TokenIssuer) -> str:
    _, second, third = issuer.token().split(".")
    return f"{encoded(header(x=1))}.{second}.{third}"


def _with_der_signature(issuer: TokenIssuer) -> str:
    """ES256 needs two numbers of 32 bytes; what other programs write isn't it."""
    key = issuer.keys["first"]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    content = f"{encoded(header())}.{encoded(issuer.claims())}"
    return f"{content}.{encoded(key.sign(content.encode(), ec.ECDSA(hashes.SHA256())))}"


def _with_signature(signature: bytes) -> Forger:
    return lambda issuer: f"{issuer.token().rpartition('.')[0]}.{encoded(signature)}"


def _cut(issuer: TokenIssuer) -> str:
    rest, _, signature = issuer.token().rpartition(".")
    return f"{rest}.{encoded(base64.urlsafe_b64decode(signature + '==')[:-8])}"


def _parts(change: Callable[[list[str]], list[str]]) -> Forger:
    return lambda issuer: ".".join(change(issuer.token().split(".")))


def _unknown_key(issuer: TokenIssuer) -> str:
    """Issued before the keys were fetched: no new key can have signed it."""
    return signed(issuer, header(kid="unknown"), issuer.claims(iat=int(time.time()) - 200), key=ec_key())


def _old(key_id: str | None) -> Forger:
    return lambda issuer: signed(issuer, header(kid=key_id or ...), issuer.claims(iat=int(time.time()) - 200))


def _later(name: str) -> Forger:
    later: dict[str, Any] = {name: int(time.time()) + 3600}
    return lambda issuer: issuer.token(**later)


FORGED: Mapping[str, tuple[Forger, str]] = {
    # The algorithm.
    "none": (_unsigned("none", "AAAA"), "token-algorithm"),
    "none without a signature": (_unsigned("none", ""), "token-malformed"),
    "None": (_unsigned("None", "AAAA"), "token-algorithm"),
    "nOnE": (_unsigned("nOnE", "AAAA"), "token-algorithm"),
    "no algorithm": (_with_header(alg=...), "token-algorithm"),
    "an empty algorithm": (_with_header(alg=""), "token-algorithm"),
    "null as the algorithm": (_with_header(alg=None), "token-algorithm"),
    "a list of algorithms": (_raw_header(b'{"alg": ["ES256"], "kid": "first"}'), "token-algorithm"),
    "a number as the algorithm": (_with_header(alg=256), "token-algorithm"),
    "lower case": (_with_header(alg="es256"), "token-algorithm"),
    "HS256 with the public key": (_by_public_key("HS256"), "token-algorithm"),
    "HS384 with the public key": (_by_public_key("HS384"), "token-algorithm"),
    "HS512 with the public key": (_by_public_key("HS512"), "token-algorithm"),
    "PS256": (_with_header(alg="PS256", kid="third"), "token-algorithm"),
    "RS512": (_with_header(alg="RS512", kid="third"), "token-algorithm"),
    "ES384": (_with_header(alg="ES384"), "token-algorithm"),
    "two algorithms, the last is none": (_raw_header(b'{"alg":"ES256","kid":"first","alg":"none"}'), "token-algorithm"),
    "two algorithms, the last is wrong": (_raw_header(b'{"alg":"ES256","kid":"first","alg":"RS256"}'), "token-key"),
    "RS256 for a key of ES256": (_by_another_rsa_key(kid="first"), "token-key"),
    "ES256 for a key of RS256": (_by_another_key(kid="third"), "token-key"),
    "EdDSA for a key of ES256": (_with_header(alg="EdDSA"), "token-key"),
    # The key.
    "another key": (_by_another_key(), "token-signature"),
    "another RSA key": (_by_another_rsa_key(kid="third"), "token-signature"),
    "the id of another key": (_with_header(kid="second"), "token-signature"),
    "an unknown id": (_unknown_key, "token-key"),
    "no id, and several keys": (_old(None), "token-key"),
    "an empty id": (_with_header(kid=""), "token-malformed"),
    "null as the id": (_with_header(kid=None), "token-key"),
    "a path as the id": (_old("../../../../dev/null"), "token-key"),
    "SQL as the id": (_old("first' OR '1'='1"), "token-key"),
    "an address as the id": (_old("http://127.0.0.1:1/keys"), "token-key"),
    "a command as the id": (_old("$(id)|`id`\n"), "token-key"),
    "a number as the id": (_with_header(kid=1), "token-malformed"),
    "a list as the id": (_with_header(kid=["first"]), "token-malformed"),
    "an object as the id": (_with_header(kid={"first": 1}), "token-malformed"),
    "a long id": (_with_header(kid="k" * 1000), "token-malformed"),
    "two ids, the last is another": (_raw_header(b'{"alg":"ES256","kid":"first","kid":"second"}'), "token-signature"),
    # Keys that the header names or brings.
    "jku": (_with_header(jku="http://127.0.0.1:1/keys"), "token-header"),
    "jku of the provider": (lambda issuer: _with_header(jku=f"{issuer.url}/keys")(issuer), "token-header"),
    "jwk": (_with_own_jwk, "token-header"),
    "x5u": (_with_header(x5u="http://127.0.0.1:1/certificate"), "token-header"),
    "x5c": (_with_header(x5c=["AAAA"]), "token-header"),
    "crit": (_with_header(crit=["exp"]), "token-header"),
    "an empty crit": (_with_header(crit=[]), "token-header"),
    "b64": (_with_header(b64=False, crit=["b64"]), "token-header"),
    "zip": (_with_header(zip="DEF"), "token-header"),
    "enc": (_with_header(enc="A128GCM"), "token-header"),
    # What it was made for.
    "a logout token": (_with_header(typ="logout+jwt"), "token-type"),
    "a DPoP proof": (_with_header(typ="dpop+jwt"), "token-type"),
    "a number as the type": (_with_header(typ=1), "token-type"),
    "an ID token of Keycloak": (_with_claims(typ="ID"), "token-type"),
    "a refresh token of Keycloak": (_with_claims(typ="Refresh"), "token-type"),
    "an ID token of Cognito": (_with_claims(token_use="id"), "token-type"),
    "a logout token by its events": (_with_claims(events={"logout": {}}), "token-type"),
    # The signature.
    "other claims": (_with_other_payload, "token-signature"),
    "another header": (_with_other_header, "token-signature"),
    "a signature of zeros": (_with_signature(bytes(64)), "token-signature"),
    "a short signature": (_with_signature(b"\1"), "token-signature"),
    "a long signature": (_with_signature(b"\1" * 4000), "token-signature"),
    "a DER signature": (_with_der_signature, "token-signature"),
    "a cut signature": (_cut, "token-signature"),
    # Issuer and audience.
    "another issuer": (_with_claims(iss="https://id.example.com"), "token-issuer"),
    "an issuer with a slash more": (lambda issuer: issuer.token(iss=f"{issuer.url}/"), "token-issuer"),
    "an issuer in capitals": (lambda issuer: issuer.token(iss=issuer.url.upper()), "token-issuer"),
    "a longer issuer": (lambda issuer: issuer.token(iss=f"{issuer.url}.example.com"), "token-issuer"),
    "a list of issuers": (
        lambda issuer: signed(issuer, header(), issuer.claims(iss=[issuer.url])),
        "token-issuer",
    ),
    "no issuer": (_with_claims(iss=...), "token-issuer"),
    "another audience": (_with_claims(aud="another"), "token-audience"),
    "other audiences": (_with_claims(aud=["one", "two"]), "token-audience"),
    "a part of the audience": (_with_claims(aud="ec"), "token-audience"),
    "a longer audience": (_with_claims(aud="ecp "), "token-audience"),
    "an object as the audience": (_with_claims(aud={"ecp": 1}), "token-audience"),
    "a list in the list of audiences": (_with_claims(aud=[["ecp"]]), "token-audience"),
    "no audience": (_with_claims(aud=...), "token-audience"),
    "another client": (_with_claims(aud=..., azp="another"), "token-audience"),
    "a list of clients": (_with_claims(aud=..., azp=["ecp"]), "token-audience"),
    # Times.
    "expired": (lambda issuer: issuer.token(exp=int(time.time()) - 31), "token-expired"),
    "expired in 1970": (_with_claims(exp=0), "token-expired"),
    "expired before 1970": (_with_claims(exp=-1), "token-expired"),
    "no expiry": (_with_claims(exp=...), "token-claim"),
    "null as the expiry": (_with_claims(exp=None), "token-claim"),
    "a text as the expiry": (lambda issuer: signed(issuer, header(), issuer.claims(exp="9999999999")), "token-claim"),
    "true as the expiry": (lambda issuer: signed(issuer, header(), issuer.claims(exp=True)), "token-claim"),
    "NaN as the expiry": (lambda issuer: signed(issuer, header(), issuer.claims(exp=float("nan"))), "token-claim"),
    "no end": (lambda issuer: signed(issuer, header(), issuer.claims(exp=float("inf"))), "token-claim"),
    "a huge expiry": (lambda issuer: signed(issuer, header(), issuer.claims(exp=10**400)), "token-claim"),
    "not yet valid": (_later("nbf"), "token-not-yet-valid"),
    "issued in the future": (_later("iat"), "token-not-yet-valid"),
    "a text as the beginning": (lambda issuer: signed(issuer, header(), issuer.claims(nbf="0")), "token-claim"),
    # The subject.
    "no subject": (_with_claims(sub=...), "token-claim"),
    "an empty subject": (_with_claims(sub=""), "token-claim"),
    "a list as the subject": (lambda issuer: signed(issuer, header(), issuer.claims(sub=["user-1"])), "token-claim"),
    "a long subject": (_with_claims(sub="s" * 256), "token-claim"),
    "a line break in the subject": (_with_claims(sub="user-1\nadmin"), "token-claim"),
    # The form.
    "too long": (_with_claims(filling="x" * 16_384), "token-too-long"),
    "a long header": (_with_header(filling="x" * 2048), "token-malformed"),
    "one part": (_parts(lambda parts: parts[:1]), "token-malformed"),
    "two parts": (_parts(lambda parts: parts[:2]), "token-malformed"),
    "four parts": (_parts(lambda parts: [*parts, parts[0]]), "token-malformed"),
    "five parts": (_parts(lambda parts: [*parts, *parts[:2]]), "token-malformed"),
    "an empty header": (_parts(lambda parts: ["", *parts[1:]]), "token-malformed"),
    "empty claims": (_parts(lambda parts: [parts[0], "", parts[2]]), "token-malformed"),
    "no signature": (_parts(lambda parts: [*parts[:2], ""]), "token-malformed"),
    "no base64 in the header": (_parts(lambda parts: ["!!!!", *parts[1:]]), "token-malformed"),
    "no base64 in the claims": (_parts(lambda parts: [parts[0], "!!!!", parts[2]]), "token-unreadable"),
    "no base64 in the signature": (_parts(lambda parts: [*parts[:2], "!!!!"]), "token-unreadable"),
    "a text as the header": (_raw_header(b"header"), "token-malformed"),
    "a list as the header": (_raw_header(b'[{"alg": "ES256"}]'), "token-malformed"),
    "a header of bytes": (_raw_header(b"\xff\xfe{"), "token-malformed"),
    "a deep header": (_raw_header(b'{"a":' * 200 + b"1" + b"}" * 200), "token-algorithm"),
    "claims that are no JSON": (_raw_claims(b"claims"), "token-malformed"),
    "a list as the claims": (_raw_claims(b"[]"), "token-malformed"),
    "claims of bytes": (_raw_claims(b"\xff\xfe{"), "token-malformed"),
    "deep claims": (_raw_claims(_DEEP), "token-malformed"),
    "no token at all": (lambda issuer: "x", "token-malformed"),
}
"""By what is wrong."""


def forged(issuer: TokenIssuer) -> Iterator[tuple[str, str, str]]:
    """Each as its name, the token and the id of the refusal."""
    for name, (forge, reason) in FORGED.items():
        yield name, forge(issuer), reason
