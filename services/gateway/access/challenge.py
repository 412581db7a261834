"""`WWW-Authenticate` of a 401: the scheme, and what is wrong with the credential (RFC 6750, 3.1). Pure."""

from typing import Final

from shared.errors import EcpError

_REALM: Final = 'Bearer realm="ecp"'
_ERRORS: Final = {"credentials-missing": None, "credentials-malformed": "invalid_request"}
"""By message id; any other refusal is of a credential that was understood."""
_QUOTED: Final = str.maketrans({'"': "'", "\\": "/"})


def challenge(error: EcpError) -> str:
    """The header's value. It is English, as HTTP's headers are, and has no line break, whatever the message has."""
    kind = _ERRORS.get(error.message_id, "invalid_token")
    if kind is None:
        return _REALM
    text = error.message.encode("ascii", "replace").decode().translate(_QUOTED)
    shown = "".join(each for each in text if each.isprintable())[:200]
    return f'{_REALM}, error="{kind}", error_description="{shown}"'
