"""Whether a service is ready, for a container's health check: exit status 0, or 1 with what it answered.

    python -m shared.probe [url]

Without a URL it asks `/ready` of the service that runs in the same container. An image has no curl, and this runs
every few seconds, so it imports next to nothing; the health check runs the file with `-I -S`, which keeps this folder,
whose names are also the standard library's, off the path.
"""

import http.client
import os
import sys

TIMEOUT_SECONDS = 4.0


def main(arguments: list[str]) -> int:
    """Print the answer of the address in `arguments`, by default this service's `/ready`; 0 if it is a success."""
    status, text = 0, ""
    for url in arguments[:1] or _own():
        status, text = _answer(url)
        if status:
            break
    sys.stdout.write(f"{text}\n")
    return 0 if status == http.HTTPStatus.OK else 1


def _answer(url: str) -> tuple[int, str]:
    """Status and body; 0 and the reason without an answer."""
    scheme, _, rest = url.partition("://")
    address, _, path = rest.partition("/")
    connection = _connection(scheme, address)
    try:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{address} doesn't answer: {error}"


def _connection(scheme: str, address: str) -> http.client.HTTPConnection:
    """To this container; by TLS without a look at the certificate, which has the service's name and not 127.0.0.1."""
    if scheme == "http":
        return http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    import ssl  # noqa: PLC0415 - only where it is needed

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(address, timeout=TIMEOUT_SECONDS, context=context)


def _own() -> list[str]:
    """A certificate may be set for all services, and only some of them serve by TLS."""
    schemes = ("https", "http") if os.environ.get("TLS_CERTIFICATE_FILE") else ("http",)
    return [f"{scheme}://127.0.0.1:{os.environ.get('PORT', '8000')}/ready" for scheme in schemes]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
