"""Tokens whose signature and claims were checked before: a client sends the same one with each call.

To check one takes 100 to 200 µs, a look here 2 µs. A token counts until it expires, and only while its key is among the
provider's present ones. Tokens themselves are not kept, only hashes of them.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from shared.identity.caller import Caller
from shared.identity.key_set import KeySet, SigningKey

MOST_TOKENS: Final = 2000
"""About 1 KB each. The one that wasn't used for the longest time makes room."""


@dataclass(frozen=True, slots=True)
class CheckedToken:
    """What a check has found. `ends_at` is in Unix seconds."""

    caller: Caller
    key: SigningKey
    ends_at: float


class CheckedTokens:
    """The last MOST_TOKENS checked ones."""

    def __init__(self, most: int = MOST_TOKENS) -> None:
        self._most = most
        self._by_hash: dict[bytes, CheckedToken] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def find(self, token: str, keys: KeySet, now: float) -> Caller | None:
        """The caller of a token that still counts at `now` (Unix seconds), or None: then it is checked as a new one."""
        digest = _hash(token)
        found = self._by_hash.pop(digest, None)
        if found is None or now >= found.ends_at or found.key not in keys:
            return None
        self._by_hash[digest] = found
        return found.caller

    def keep(self, token: str, checked: CheckedToken) -> None:
        """Keep one that was checked now."""
        self._by_hash[_hash(token)] = checked
        if len(self._by_hash) > self._most:
            del self._by_hash[next(iter(self._by_hash))]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
