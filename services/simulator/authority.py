"""The simulator's own certificate authority: a folder with its certificates, keys and tokens, which outlives restarts.

    ca.crt, ca.key             the authority, for ten years; clients get ca.crt with their kubeconfig
    server.crt, server.key     the server's certificate, for a year; made again a month before its end, or for new names
    tokens.key                 signs the tokens of service accounts
    admin.token                the administrator's token

Keys and the token are readable for the folder's owner only. Each file is written beside its place and then moved there,
so that a crash leaves no half of one. Removing the folder makes all certificates and tokens of before worthless.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES: Final = (
    *("localhost", "127.0.0.1", "::1", "simulator", "k8s-simulator-backend"),
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
)
"""What the server is called in any case: on this machine, in the containers' network, and inside of a cluster."""
_AUTHORITY_DAYS: Final = 3650
_SERVER_DAYS: Final = 365
_RENEWAL: Final = timedelta(days=30)
_SHORTEST_TOKEN: Final = 20
"""Characters that can't be guessed. An empty file would be a token that everyone has."""
_SKEW: Final = timedelta(minutes=5)
"""Clients whose clock is late accept a new certificate."""


class FolderUnusable(Exception):
    """A file of the folder is broken or can't be read or written; the message names it."""


class Authority:
    """The files of one folder, made where they are missing."""

    def __init__(self, folder: Path, names: Sequence[str] = (), now: Callable[[], datetime] | None = None) -> None:
        """`names` are further names and addresses of the server. Raises FolderUnusable."""
        self._folder = folder
        self._names = tuple(dict.fromkeys((*NAMES, *names)))
        self._now = now or (lambda: datetime.now(UTC))
        self.certificate_file, self.key_file = folder / "server.crt", folder / "server.key"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._key, self._certificate = self._authority()
            self.renew_if_due()
            self.signing_key = self._kept("tokens.key", _new_key)
            self.administrator_token = self._token()
        except (OSError, ValueError) as error:
            named = getattr(error, "filename", None) or folder
            raise FolderUnusable(f"{named} can't be used: {error}; correct that, or remove the folder") from error

    def renew_if_due(self) -> bool:
        """Make the server's certificate if there is none, it ends soon, or its names aren't the wanted ones."""
        if self._is_current():
            return False
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._server_certificate(key)
        # The key first: a reader in between sees that they don't belong together, and tries again.
        _write(self.key_file, _pem(key), 0o600)
        chain = certificate.public_bytes(Encoding.PEM) + self._certificate.public_bytes(Encoding.PEM)
        _write(self.certificate_file, chain, 0o644)
        return True

    def _authority(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = _elliptic(self._kept("ca.key", _new_key))
        certificate = x509.load_pem_x509_certificate(self._kept("ca.crt", lambda: self._self_signed(key), 0o644))
        if certificate.public_key() != key.public_key():
            raise ValueError("ca.crt and ca.key don't belong together")
        return key, certificate

    def _token(self) -> str:
        """The administrator's token. Raises ValueError for one that anybody could send."""
        token = self._kept("admin.token", lambda: secrets.token_urlsafe(32).encode()).decode()
        if len(token) < _SHORTEST_TOKEN:
            raise ValueError(
                f"admin.token has fewer than {_SHORTEST_TOKEN} characters; without this file another is made"
            )
        return token

    def _self_signed(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        # A name of its own for each authority: clients find an issuer by its name.
        name = _name(f"ECP simulator {secrets.token_hex(4)}")
        builder = _builder(name, name, key.public_key(), self._now(), _AUTHORITY_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _server_certificate(self, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        public, authority = key.public_key(), self._certificate
        builder = _builder(_name("simulator"), authority.subject, public, self._now(), _SERVER_DAYS)
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(purpose, critical=False).add_extension(issuer, critical=False)
        names = x509.SubjectAlternativeName([_general_name(each) for each in self._names])
        return builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())

    def _is_current(self) -> bool:
        with suppress(FileNotFoundError, ValueError, x509.ExtensionNotFound):
            found = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            key = _elliptic(self.key_file.read_bytes())
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            return (
                found.issuer == self._certificate.subject
                and found.public_key() == key.public_key()
                and found.not_valid_after_utc - _RENEWAL > self._now()
                and set(names) == {_general_name(each) for each in self._names}
            )
        return False

    def _kept(self, name: str, make: Callable[[], bytes], mode: int = 0o600) -> bytes:
        """The content of a file, which is made if it is missing."""
        file = self._folder / name
        if not file.exists():
            _write(file, make(), mode)
        return file.read_bytes().strip()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _SKEW).not_valid_after(now + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _new_key() -> bytes:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _elliptic(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is none of an elliptic curve")
    return key


def _write(file: Path, content: bytes, mode: int) -> None:
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, mode)
        stream.write(content)
        os.fsync(descriptor)
    partial.replace(file)
