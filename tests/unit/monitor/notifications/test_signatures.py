"""Signatures by the Standard Webhooks specification."""

import base64
import re

from services.monitor.notifications.signatures import new_secret, signed_headers


def test_the_specifications_example_is_signed_as_it_is_there() -> None:
    """The example of the specification, and of its reference implementations' tests."""
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_rotated_secret_signs_too() -> None:
    first, second = new_secret(), new_secret()
    both = signed_headers("ntf-1", 1, b"{}", [first, second])["webhook-signature"].split(" ")
    assert both == [signed_headers("ntf-1", 1, b"{}", [each])["webhook-signature"] for each in (first, second)]


def test_a_secret_has_a_prefix_and_enough_bytes() -> None:
    secret = new_secret()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]+=*", secret)
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
    assert secret != new_secret()
