"""Request a tenant from another system: three lines of nats-py, plain JSON, no headers.

    python examples/publish_event.py nats://outside:PASSWORD@127.0.0.1:4222

The result is that of POST /api/v1/tenants/. With `make run`, the account's password is in `.ecp/bus-passwords.json`;
`ecp bus add crm` creates an account for a system named crm, and prints its URL. The subject prefix `demo.`
selects demo mode.
"""

import asyncio
import json
import sys

import nats

TENANT = {
    "tenant_id": "from-elsewhere",
    "name": "Asked for by an event",
    "service_requirements": {"stt": 10},
    "sla_target": {"availability": "99.5%"},
}


async def main(url: str) -> None:
    """Publish `tenant.created` in demo mode on the bus at `url`."""
    client = await nats.connect(url, inbox_prefix="_INBOX.outside")
    await client.jetstream().publish("demo.tenant.created", json.dumps(TENANT).encode())
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"))
