"""Names that controllers give: in Kubernetes' alphabet, which has no vowels, so that no word comes out by chance."""

from hashlib import blake2b

import orjson

from services.simulator.controllers.runtime.context import ControllerContext
from shared.kube.objects import Obj

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
# What generateName leaves of a long base, so that name and suffix are a valid name together.
LONGEST_BASE = 63 - SUFFIX_LENGTH


def free_name(context: ControllerContext, resource: str, namespace: str, base: str) -> str:
    """`base` and five letters that no object of this resource in the namespace has yet."""
    attempt = 0
    while True:
        name = base[:LONGEST_BASE] + _letters(context.fraction("name", namespace, base, context.store.version, attempt))
        if context.store.get(resource, namespace, name) is None:
            return name
        attempt += 1


def template_hash(template: Obj, collisions: int) -> str:
    """The pod-template-hash of a template: other bits than Kubernetes', the same properties and look.

    `collisions` is the Deployment's collisionCount, which makes another name for the same template.
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
