"""Where notifications may go: checks of URLs and e-mail addresses of receivers and of rules' actions. Pure.

An address in numbers is checked here, so that a mistake is an error at once. A name is checked when it is connected
to, with the address that it has then (`shared.alerts.addresses`).
"""

import re
from urllib.parse import urlsplit

from shared.alerts.addresses import is_refused, literal
from shared.messages import Sentence, sentence

LONGEST_URL = 2000
LONGEST_EMAIL = 254
"""Characters, by RFC 5321."""
_URL_TEXT = re.compile(r"[\x21-\x7e]+")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_NOT_IN_EMAIL = ("..", "=?")
"""The second one begins an encoded word, by which a header could have any character."""
_NUMERIC_HOST = re.compile(r"(?:0[xX][0-9A-Fa-f]*|\d+)(?:\.(?:0[xX][0-9A-Fa-f]*|\d+))*\.?")


def url_problem(url: str, *, allow_private: bool) -> Sentence | None:
    """Why notifications can't go to `url`; None if they can. It repeats no part of the URL, which may be secret."""
    if len(url) > LONGEST_URL or not _URL_TEXT.fullmatch(url):
        english = "must be a URL of at most {most} printable ASCII characters; encode others as %XX"
        return sentence("receiver-url-text", english, most=LONGEST_URL)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or parts.scheme not in ("http", "https") or port == 0:
        return sentence("receiver-url-form", "must be a URL such as https://hooks.example.com/alerts")
    if parts.username is not None or parts.password is not None:
        english = "must not contain a user or a password; give them as `authorization`, which is kept secret"
        return sentence("receiver-url-user", english)
    return _host_problem(host, allow_private=allow_private)


def _host_problem(host: str, *, allow_private: bool) -> Sentence | None:
    address = literal(host)
    private = sentence(
        "receiver-url-private",
        "must not lead to a private, loopback, link-local or metadata address; use a public one",
    )
    if address is None and _NUMERIC_HOST.fullmatch(host):
        return sentence("receiver-url-number", "must name its host by a name, or by an address as 203.0.113.7")
    if address is not None and is_refused(address, allow_private=allow_private):
        return private
    is_local = host.rstrip(".").rpartition(".")[2].lower() == "localhost"
    return private if is_local and not allow_private else None


def email_problem(address: str) -> Sentence | None:
    """Why no e-mail can go to `address`; None if it can. Only plain addresses, so that no header can be injected."""
    if len(address) > LONGEST_EMAIL or not _EMAIL.fullmatch(address) or any(each in address for each in _NOT_IN_EMAIL):
        english = "must be a plain e-mail address such as oncall@example.com, without a name or a line break"
        return sentence("receiver-email", english)
    return None
