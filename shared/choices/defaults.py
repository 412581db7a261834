"""The operator's defaults of `ClusterOptions` for each target, in TOML. Pure: the text, not the file.

[kubernetes]
registry = "registry.example.com/ecp"
image_pull_secrets = ["registry-login"]
node_selector = {pool = "voice"}
"""

import tomllib
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from shared.choices.cluster import ClusterOptions
from shared.kube.targets import KUBERNETES, SIMULATOR

TARGETS = (SIMULATOR, KUBERNETES)
_BY_TARGET = TypeAdapter(dict[str, ClusterOptions])
_SHOWN = 5
"""Problems in an error."""


def parse_defaults(text: str) -> Mapping[str, ClusterOptions]:
    """The defaults by target. Raises ValueError, which names each field that is unknown, wrong or no default."""
    try:
        found = _BY_TARGET.validate_python(tomllib.loads(text), extra="forbid")
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise ValueError("; ".join(problems[:_SHOWN])) from error
    if unknown := sorted(found.keys() - set(TARGETS)):
        raise ValueError(f"unknown target {unknown[0]!r}; known: {', '.join(TARGETS)}")
    if hosts := [target for target, options in found.items() if options.ingress.host is not None]:
        raise ValueError(f"{hosts[0]}.ingress.host: a host belongs to one tenant, so it can't be a default")
    return found
