"""The image of a service. Parts that aren't chosen are those of the catalogue, or the registry of the tenant's cluster.

The grammar is that of distribution's references: `registry/repository:tag@digest`, where the first part is a registry
if it has a dot or a port, or is `localhost`.
"""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.choices.names import shown
from shared.messages import sentence, unfit
from shared.model import Model

_PART = r"[a-z0-9]+(?:(?:[._]|__|-{1,9})[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?(?::[0-9]{1,5})?", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_LONGEST = 255
"""Characters of a registry, of a repository, and of both together."""


def _check_registry(value: str) -> str:
    host, slash, path = value.partition("/")
    if len(value) > _LONGEST or not _is_host(host) or (slash and not _REPOSITORY.fullmatch(path)):
        english = "{value} is not a registry: write its host, with a path if it needs one, as registry.example.com/team"
        raise unfit(sentence("value-not_a_registry", english, value=shown(value)))
    return value


def _check_repository(value: str) -> str:
    if len(value) > _LONGEST or not _REPOSITORY.fullmatch(value):
        english = "{value} is not a repository: write lower-case names with '/' between them, as team/callbot"
        raise unfit(sentence("value-not_a_repository", english, value=shown(value)))
    return value


def _check_tag(value: str) -> str:
    if not _TAG.fullmatch(value):
        english = "{value} is not a tag: write at most 128 letters, digits, '.', '_' and '-', as 1.52.0"
        raise unfit(sentence("value-not_a_tag", english, value=shown(value)))
    return value


def _check_digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):
        english = "{value} is not a digest: write sha256: and 64 hexadecimal digits"
        raise unfit(sentence("value-not_a_digest", english, value=shown(value)))
    return value


Registry = Annotated[
    str,
    AfterValidator(_check_registry),
    Field(json_schema_extra={"maxLength": _LONGEST, "example": "registry.example.com/team"}),
]
Repository = Annotated[str, AfterValidator(_check_repository), Field(json_schema_extra={"maxLength": _LONGEST})]
Tag = Annotated[str, AfterValidator(_check_tag), Field(json_schema_extra={"pattern": f"^{_TAG.pattern}$"})]
Digest = Annotated[str, AfterValidator(_check_digest), Field(json_schema_extra={"pattern": f"^{_DIGEST.pattern}$"})]
_LONGEST_REFERENCE = 1024


class ImageChoice(Model):
    """Parts of an image's reference. A digest decides; a tag beside it is only shown."""

    registry: Registry | None = None
    repository: Repository | None = None
    tag: Tag | None = None
    digest: Digest | None = None

    @model_validator(mode="after")
    def _short_enough(self) -> Self:
        if len(f"{self.registry or ''}/{self.repository or ''}") > _LONGEST + 1:
            english = "registry and repository have more than {most} characters together"
            raise unfit(sentence("value-image_too_long", english, most=_LONGEST))
        return self

    @property
    def is_pinned(self) -> bool:
        """Whether the reference means the same image for ever, as far as a name can tell."""
        return self.digest is not None or self.tag != "latest"

    def reference(self, repository: str, tag: str) -> str:
        """The whole reference, with the catalogue's `repository` and `tag` where none is chosen."""
        name = "/".join(filter(None, (self.registry, self.repository or repository)))
        if self.digest is not None:
            return f"{name}{f':{self.tag}' if self.tag else ''}@{self.digest}"
        return f"{name}:{self.tag or tag}"


def _parts_of_text(value: Any) -> Any:
    """The parts of a reference in one text; anything else as it is."""
    if not isinstance(value, str):
        return value
    name, at, digest = value.partition("@")
    first, slash, rest = name.partition("/")
    registry = first if slash and _is_host(first) else None
    repository, colon, tag = (rest if registry else name).partition(":")
    parts = {"repository": repository}
    parts |= {"registry": registry} if registry else {}
    parts |= {"tag": tag} if colon else {}
    return parts | ({"digest": digest} if at else {})


_Reference = Annotated[str, Field(max_length=_LONGEST_REFERENCE)]
Image = Annotated[ImageChoice, BeforeValidator(_parts_of_text, json_schema_input_type=ImageChoice | _Reference)]
"""`{"tag": "1.52"}`, or a whole reference as one text: `registry.example.com/team/callbot:1.52`."""


def with_registry(image: str, registry: str | None) -> str:
    """`image` from `registry`, unless there is none or the image names a registry itself."""
    first, slash, _ = image.partition("/")
    return image if registry is None or (slash and _is_host(first)) else f"{registry}/{image}"


def _is_host(text: str) -> bool:
    named = "." in text or ":" in text or text == "localhost"
    return named and _HOST.fullmatch(text) is not None
