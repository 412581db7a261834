"""The credential of a request or of a socket: `Authorization: Bearer <token or API key>` (RFC 6750).

A credential in the query of an address would be in logs and histories, so it isn't read there, except for a socket's
ticket, which is of no use a second time (`socket_credentials`).
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from services.gateway.access.socket_credentials import any_socket_credential, socket_credential
from shared.errors import Refused
from shared.identity.token_rules import LARGEST_TOKEN
from shared.identity.verifiers import unauthorized

_SCHEME: Final = "bearer"


def credential_of(scope: Scope) -> str:
    """The credential. Raises Refused (UNAUTHORIZED) without exactly one that can be used."""
    given = Headers(scope=scope).getlist("authorization")
    if not given and scope["type"] == "websocket" and (found := socket_credential(scope)) is not None:
        return _bounded(found)
    if not given:
        raise unauthorized("credentials-missing", "a credential is required: Authorization: Bearer <token or API key>")
    scheme, _, credential = given[0].strip().partition(" ")
    credential = credential.strip()
    if len(given) > 1 or scheme.lower() != _SCHEME or not _is_usable(credential):
        raise _malformed()
    return _bounded(credential)


def any_credential(scope: Scope) -> str:
    """What a request or a socket carries, whether it is of use or not; empty without one. For limits."""
    return Headers(scope=scope).get("authorization") or any_socket_credential(scope)


def _bounded(credential: str) -> str:
    if len(credential) > LARGEST_TOKEN:
        raise unauthorized("token-too-long", "the token is longer than {most} characters", most=LARGEST_TOKEN)
    return credential


def _is_usable(credential: str) -> bool:
    return bool(credential) and credential.isascii() and credential.isprintable() and " " not in credential


def _malformed() -> Refused:
    english = "send one credential, as Authorization: Bearer <token or API key>"
    return unauthorized("credentials-malformed", english)
