"""A server's certificate and key from two files, which may change while it serves, as those of cert-manager do.

The files are read again every few seconds. Connections that are open keep the certificate with which they began; each
new one gets the latest that could be read. New files that don't fit together are reported, and the old ones stay.
"""

import asyncio
import hashlib
import ssl
from pathlib import Path
from typing import NoReturn

import structlog

from shared.errors import PermanentError

_log = structlog.get_logger(__name__)
RELOAD_SECONDS = 5.0


class UnusableCertificate(PermanentError):
    """The files can't be read, aren't PEM, or don't belong together."""

    code = "UNUSABLE_CERTIFICATE"


class ServerCertificate:
    """The certificate of a server, as its files are now. Pass `context` to the server once."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises UnusableCertificate."""
        self._certificate, self._key = certificate, key
        self._seen = self._digest()
        self._current = self.context = self._read()
        # Called at the start of each handshake, also where the client names no host.
        self.context.sni_callback = self._choose

    async def keep_current(self, every: float = RELOAD_SECONDS) -> None:
        """Read the files again when they have changed, until cancelled."""
        while True:
            await asyncio.sleep(every)
            self.reload()

    def reload(self) -> None:
        """Use the files if they have changed since the last call and are usable; otherwise log why not."""
        try:
            seen = self._digest()
            if seen == self._seen:
                return
            self._seen = seen
            self._current = self._read()
        except UnusableCertificate as error:
            _log.error(f"The old certificate stays: {error.message}", action="certificate-unusable")
        else:
            _log.info(f"New certificate from {self._certificate}", action="certificate-reloaded")

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _digest(self) -> bytes:
        """Of both files: Kubernetes replaces mounted ones by a link, so dates prove nothing."""
        try:
            return hashlib.sha256(self._certificate.read_bytes() + b"\0" + self._key.read_bytes()).digest()
        except OSError as error:
            raise UnusableCertificate(f"{error.filename} can't be read: {error.strerror}") from error

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key, password=_refuse_passphrase)
        except (OSError, ValueError) as error:
            # OpenSSL's message has no content of the files.
            raise UnusableCertificate(f"{self._certificate} and {self._key} can't be used: {error}") from error
        return context


def _refuse_passphrase() -> NoReturn:
    """OpenSSL would ask for it on the terminal."""
    raise ValueError("the key has a passphrase; write it without one, readable for this service only")
