"""Generated names, in Kubernetes' alphabet, which has no vowels, so that no words appear by chance."""

from hashlib import blake2b

import orjson

from services.simulator.controllers.runtime.context import ControllerContext
from shared.kube.objects import Obj

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
# generateName shortens a longer base, so that base and suffix together are a valid name.
LONGEST_BASE = 63 - SUFFIX_LENGTH


def free_name(context: ControllerContext, resource: str, namespace: str, base: str) -> str:
    """`base` and five letters: a name that no object of this resource in the namespace has."""
    attempt = 0
    while True:
        name = base[:LONGEST_BASE] + _letters(context.fraction("name", namespace, base, context.store.version, attempt))
        if context.store.get(resource, namespace, name) is None:
            return name
        attempt += 1


def template_hash(template: Obj, collisions: int) -> str:
    """The pod-template-hash of a template; its value differs from Kubernetes', its form is the same.

    `collisions` is the Deployment's collisionCount, which changes the hash of the same template.
    """
    canonical = orjson.dumps(template, option=orjson.OPT_SORT_KEYS)
    digest = int.from_bytes(blake2b(canonical + str(collisions).encode(), digest_size=4).digest())
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in str(digest))


def _letters(fraction: float) -> str:
    number = int(fraction * len(ALPHABET) ** SUFFIX_LENGTH)
    letters = []
    for _ in range(SUFFIX_LENGTH):
        number, letter = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[letter])
    return "".join(letters)
