"""What is stored of an API key, and whether a text proves it. Pure."""

import hmac
from dataclasses import dataclass
from datetime import datetime

from shared.identity.caller import Caller, CallerKind, Role


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key without its secret. After a rotation the previous secret stays valid until `previous_until`."""

    key_id: str
    digest: bytes
    role: Role
    tenants: frozenset[str] | None
    """None is every tenant."""
    expires_at: datetime
    previous_digest: bytes | None = None
    previous_until: datetime | None = None

    def end_of(self, digest: bytes) -> datetime | None:
        """When the secret with this digest ends, which may be over; None if it isn't the key's. In constant time."""
        is_present = hmac.compare_digest(digest, self.digest)
        is_previous = hmac.compare_digest(digest, self.previous_digest or b"")
        if is_present:
            return self.expires_at
        return min(self.expires_at, self.previous_until) if is_previous and self.previous_until else None

    def caller(self, digest: bytes, until: datetime) -> Caller:
        """Who calls with the secret of this digest, which ends at `until`."""
        ends_at = until.timestamp()
        return Caller(self.key_id, CallerKind.KEY, self.role, self.tenants, expires_at=ends_at, proven_by=digest.hex())
