"""How clusters are reached: with which credentials."""

from pathlib import Path

import pytest

from shared.kube.client import connect


@pytest.mark.parametrize(
    ("server", "credentials"),
    [
        ("http://127.0.0.1:1/clusters/demo", {}),
        ("https://127.0.0.1:1/clusters/demo", {"BearerToken": "Bearer marked"}),
    ],
)
async def test_a_token_is_sent_by_https_only(server: str, credentials: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("marked\n")
    async with await connect(server=server, token_file=file) as api:
        assert api.configuration.api_key == credentials
