"""Which keys of a provider's answer are used: public ones for signatures, each for the one algorithm of its type."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.identity.key_set import KeySet, read_keys
from tests.support.token_issuer import ec_key, ed_key, public_jwk, rsa_key

RSA, EC, ED = public_jwk(rsa_key(), "r"), public_jwk(ec_key(), "e"), public_jwk(ed_key(), "d")


def keys_of(*keys: Any) -> KeySet:
    return read_keys({"keys": list(keys)})


@pytest.mark.parametrize(("jwk", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")])
def test_a_key_is_for_the_algorithm_of_its_type_alone(jwk: dict[str, Any], algorithm: str) -> None:
    plain = {name: value for name, value in jwk.items() if name not in ("alg", "use")}
    for each in (jwk, plain):
        keys = keys_of(each)
        assert keys.knows(jwk["kid"])
        found = {name for name in ("RS256", "ES256", "EdDSA", "HS256", "none") if keys.find(jwk["kid"], name)}
        assert found == {algorithm}


@pytest.mark.parametrize(
    "jwk",
    [
        {**RSA, "alg": "PS256"},
        {**RSA, "alg": "HS256"},
        {**RSA, "use": "enc"},
        {**RSA, "key_ops": ["sign"]},
        {**RSA, "key_ops": "verify"},
        {**RSA, "kty": "oct", "k": "AAAA"},
        {**RSA, "kty": ["RSA"]},
        {**RSA, "n": 1},
        {**RSA, "n": ""},
        {**RSA, "n": "!!!!"},
        {**RSA, "n": "A" * 100_000},
        {**RSA, "e": "AQABAQABAQAB"},
        {**RSA, "e": "AA"},
        {**RSA, "kid": 1},
        {**RSA, "kid": ""},
        {**RSA, "kid": "k" * 300},
        {name: value for name, value in RSA.items() if name != "n"},
        {**EC, "crv": "P-384"},
        {**EC, "crv": "P-256K"},
        {**EC, "crv": ["P-256"]},
        {**EC, "x": EC["y"][:-4]},
        {**EC, "y": EC["x"]},
        {**ED, "crv": "X25519"},
        {**ED, "crv": "Ed448"},
        {**ED, "x": "AAAA"},
        {"kty": "oct", "k": "AAAA", "kid": "o", "alg": "HS256"},
        {},
        [],
        None,
        "key",
        1,
    ],
)
def test_a_key_that_can_t_be_used_is_left_out_and_the_others_are_used(jwk: Any) -> None:
    keys = keys_of(jwk, {**EC, "kid": "other"})

    assert len(keys) == 1
    assert keys.find("other", "ES256") is not None


def test_short_keys_and_other_curves_are_left_out() -> None:
    short = RSAAlgorithm.to_jwk(rsa_key(3, 1024).public_key(), as_dict=True)
    curve = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)

    assert len(keys_of({**short, "kid": "a"}, {**curve, "kid": "b"})) == 0


def test_a_published_private_key_is_read_as_a_public_one() -> None:
    private = RSAAlgorithm.to_jwk(rsa_key(), as_dict=True)
    private.pop("key_ops", None)
    key = keys_of({**private, "kid": "r"}).find("r", "RS256")

    assert key is not None
    assert {name for name, _ in key.members} == {"n", "e"}
    assert not hasattr(key.jwk.key, "private_numbers")


def test_of_two_keys_with_one_id_the_first_counts_for_each_algorithm() -> None:
    other = {**public_jwk(ec_key()), "kid": "r"}
    keys = keys_of(RSA, other, {**EC, "kid": "r"})
    found = keys.find("r", "ES256")

    assert keys.find("r", "RS256") is not None
    assert found is not None
    assert dict(found.members)["x"] == other["x"]


def test_without_an_id_the_key_must_be_the_only_one_of_its_algorithm() -> None:
    assert keys_of(RSA, EC).find(None, "RS256") is not None
    assert keys_of(RSA, public_jwk(rsa_key(2), "s")).find(None, "RS256") is None
    assert keys_of(EC).find(None, "RS256") is None


def test_a_key_is_the_same_after_a_further_fetch_and_another_one_under_its_id_isn_t() -> None:
    key = keys_of(RSA).find("r", "RS256")
    assert key is not None

    assert key in keys_of(EC, dict(RSA))
    assert key not in keys_of({**public_jwk(rsa_key(2)), "kid": "r"})
    assert key not in keys_of(EC)


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": None}, "keys", {"keys": [RSA] * 101}])
def test_what_is_no_key_set_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match=r"keys"):
        read_keys(document)
