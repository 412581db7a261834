"""Verifies the identity provider's tokens: the form, then the key, the signature, the claims, and who that is.

A token with an unknown key has its claims looked at before the provider is asked for new keys, so that tokens of other
providers, and those that have expired, cause no fetch. Nothing is believed before the signature is checked.
"""

import time
from collections.abc import Callable

from shared.identity.caller import Caller
from shared.identity.checked_tokens import CheckedToken, CheckedTokens
from shared.identity.claims import ClaimPaths, caller_of
from shared.identity.key_cache import KeyCache
from shared.identity.key_set import KeySet, SigningKey
from shared.identity.token_rules import TokenHeader, TokenRules, claims_of, time_of, unchecked_claims


class TokenVerifier:
    """The last of the verifiers: whatever no other one recognises is a token of the provider."""

    def __init__(
        self, rules: TokenRules, paths: ClaimPaths, keys: KeyCache, now: Callable[[], float] = time.time
    ) -> None:
        """`now` is the wall clock, in Unix seconds."""
        self.keys = keys
        self._rules = rules
        self._paths = paths
        self._now = now
        self._checked = CheckedTokens()

    def claims(self, credential: str) -> bool:
        """Every credential."""
        return True

    async def caller(self, credential: str) -> Caller:
        """Who the token is of. Raises Refused (UNAUTHORIZED), or DependencyUnavailable while its key can't be known."""
        keys = await self.keys.current()
        known = self._checked.find(credential, keys, self._now())
        return known or await self._check(credential, keys)

    async def again(self, credential: str, caller: Caller) -> Caller:
        """The same: a token may be sent any number of times."""
        return await self.caller(credential)

    async def _check(self, token: str, keys: KeySet) -> Caller:
        header = self._rules.header_of(token)
        key = keys.find(header.key_id, header.algorithm) or await self._new_key(token, header)
        caller = self._verified(token, key)
        self._checked.keep(token, CheckedToken(caller, key, (caller.expires_at or 0.0) + self._rules.skew))
        return caller

    async def _new_key(self, token: str, header: TokenHeader) -> SigningKey:
        claims = unchecked_claims(token)
        self._rules.check_claims(claims, self._now())
        return await self.keys.find(header, time_of(claims, "iat"))

    def _verified(self, token: str, key: SigningKey) -> Caller:
        claims = claims_of(key.signed_payload(token))
        self._rules.check_claims(claims, self._now())
        return caller_of(claims, self._paths)
