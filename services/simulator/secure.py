"""What the port with TLS needs: a certificate, and who its callers are. Made only where that port is configured."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog

from services.simulator.api import errors
from services.simulator.api.access import users
from services.simulator.api.access.tokens import Credentials, Tokens
from services.simulator.api.access.users import User
from services.simulator.api.routing.secure_port import SECURE
from services.simulator.authority import Authority, FolderUnusable
from services.simulator.settings import SimulatorSettings
from services.simulator.storage.store import Store
from shared.errors import DependencyUnavailable, PermanentError, Refused
from shared.http.listening import Listener
from shared.http.tls import ServerCertificate
from shared.identity.oidc import open_id_connect

_log = structlog.get_logger()
_RENEWAL_SECONDS: Final = 24 * 3600


class Secured:
    """The authority in its folder, the tokens that it has made, and the listener of the port."""

    def __init__(self, settings: SimulatorSettings, port: int, stores: Callable[[], Mapping[str, Store]]) -> None:
        """Raises PermanentError, which names the folder or the file that can't be used."""
        folder = settings.state_directory or Path(tempfile.mkdtemp(prefix="ecp-simulator-"))
        self._temporary = None if settings.state_directory else folder
        try:
            self._authority = Authority(folder, settings.https_names)
            credentials = Credentials(self._authority.administrator_token, self._authority.signing_key)
            self.tokens = Tokens(credentials, stores)
        except (FolderUnusable, ValueError, TypeError) as error:
            raise PermanentError(f"SIMULATOR_STATE_DIRECTORY: {error}") from error
        self._provider = open_id_connect(settings)
        own = ServerCertificate(self._authority.certificate_file, self._authority.key_file)
        self.listener = Listener(port, settings.certificate() or own, ((SECURE, True),))
        _log.info(f"HTTPS on port {port}; certificates and tokens are in {folder}", action="simulator.https", port=port)

    async def user(self, cluster: str, token: str) -> User | None:
        """Who the token is of, one of ours or of the identity provider; None if it proves nothing.

        Raises ApiError 503 while the provider's keys can't be known.
        """
        ours = await self.tokens.user(cluster, token)
        if ours is not None or self._provider is None or not token:
            return ours
        try:
            caller = await self._provider.verifier.caller(token)
        except Refused:
            return None
        except DependencyUnavailable as error:
            raise errors.unavailable(error.message) from error
        return users.from_provider(caller.subject, caller.role)

    async def close(self) -> None:
        """Close the connections to the identity provider, and remove the keys of a folder that no setting names."""
        if self._provider is not None:
            await self._provider.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    async def renew(self) -> None:
        """Keep the server's certificate valid, until cancelled; the server reads its file again by itself."""
        while True:
            await asyncio.sleep(_RENEWAL_SECONDS)
            if await asyncio.to_thread(self._authority.renew_if_due):
                _log.info("The server's certificate was renewed", action="simulator.certificate")
