"""Names, labels and annotations: Kubernetes' rules and its error messages."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, wraps
from typing import Any

from shared.kube.semantics.causes import CauseCollector

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = rf"({_QUALIFIED})?"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"
_PERCENT = r"[0-9]+%"
_ANNOTATIONS_LIMIT = 256 * 1024

_REMEMBERED, _LONGEST_REMEMBERED = 4096, 320

# Kinds whose names become one part of a host name, or an address in a URL path.
_LABEL_KINDS = {"Namespace"}
_LABEL_1035_KINDS = {"Service"}
_PATH_KINDS = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def _syntax_message(text: str, pattern: str, *examples: str) -> str:
    """The message of apimachinery, including its two spaces before `or`."""
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {listed}regex used for validation is '{pattern}')"


_LABEL_TEXT = _syntax_message(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    _LABEL, "my-name", "123-abc",
)  # fmt: skip
_SUBDOMAIN_TEXT = _syntax_message(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    _SUBDOMAIN, "example.com",
)  # fmt: skip
_LABEL_1035_TEXT = _syntax_message(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character",
    _LABEL_1035, "my-name", "abc-123",
)  # fmt: skip
_QUALIFIED_TEXT = _syntax_message(
    "name part must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    _QUALIFIED, "MyName", "my.name", "123-abc",
)  # fmt: skip
_VALUE_TEXT = _syntax_message(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    _VALUE, "MyValue", "my_value", "12345",
)  # fmt: skip
_CONFIG_KEY_TEXT = _syntax_message(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY, "key.name", "KEY_NAME", "key-name",
)  # fmt: skip
_PERCENT_TEXT = _syntax_message(
    "a valid percent string must be a numeric string followed by an ending '%'", _PERCENT, "1%", "93%"
)


def _remembering(check: Callable[[str], list[str]]) -> Callable[[str], tuple[str, ...]]:
    """The same few names and labels come again and again. Longer texts than any valid one are not remembered."""

    def faults(text: str) -> tuple[str, ...]:
        return tuple(check(text))

    remembered = lru_cache(maxsize=_REMEMBERED)(faults)

    @wraps(check)
    def look_up(text: str) -> tuple[str, ...]:
        return (remembered if len(text) <= _LONGEST_REMEMBERED else faults)(text)

    return look_up


@_remembering
def label_faults(name: str) -> list[str]:
    """What keeps `name` from being an RFC 1123 label (namespaces, containers, volumes)."""
    return _faults(name, 63, _LABEL, _LABEL_TEXT)


@_remembering
def subdomain_faults(name: str) -> list[str]:
    """What keeps `name` from being an RFC 1123 subdomain (most objects)."""
    return _faults(name, 253, _SUBDOMAIN, _SUBDOMAIN_TEXT)


@_remembering
def label_1035_faults(name: str) -> list[str]:
    """What keeps `name` from being an RFC 1035 label (services)."""
    return _faults(name, 63, _LABEL_1035, _LABEL_1035_TEXT)


@_remembering
def qualified_faults(name: str) -> list[str]:
    """What keeps `name` from being a label or annotation key: an optional DNS prefix, a slash, a name."""
    prefix, slash, part = name.rpartition("/")
    if "/" in prefix:
        example = _syntax_message("a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", _QUALIFIED, "MyName", "my.name", "123-abc")  # fmt: skip  # noqa: E501
        return [f"{example} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    faults = []
    if slash and not prefix:
        faults.append("prefix part must be non-empty")
    elif slash:
        faults += [f"prefix part {fault}" for fault in subdomain_faults(prefix)]
    if not part:
        faults.append("name part must be non-empty")
    elif len(part) > 63:
        faults.append("name part must be no more than 63 characters")
    if not re.fullmatch(_QUALIFIED, part):
        faults.append(_QUALIFIED_TEXT)
    return faults


@_remembering
def label_value_faults(value: str) -> list[str]:
    """What keeps `value` from being a label's value."""
    return _faults(value, 63, _VALUE, _VALUE_TEXT)


def config_key_faults(key: str) -> list[str]:
    """What keeps `key` from being a key in a ConfigMap or Secret."""
    if key in (".", ".."):
        return [f"must not be '{key}'"]
    if key.startswith(".."):
        return ["must not start with '..'"]
    return _faults(key, 253, _CONFIG_KEY, _CONFIG_KEY_TEXT)


def port_name_faults(name: str) -> list[str]:
    """What keeps `name` from being a port's name (IANA service name)."""
    faults = []
    if len(name) > 15:
        faults.append("must be no more than 15 characters")
    if not re.fullmatch(r"[-a-z0-9]+", name):
        faults.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", name):
        faults.append("must contain at least one letter (a-z)")
    if "--" in name:
        faults.append("must not contain consecutive hyphens")
    if name and (name[0] == "-" or name[-1] == "-"):
        faults.append("must not begin or end with a hyphen")
    return faults


def percent_faults(value: str) -> list[str]:
    """What keeps a text from being a percentage."""
    return [] if re.fullmatch(_PERCENT, value) else [_PERCENT_TEXT]


def check_metadata(found: CauseCollector, obj: Mapping[str, Any]) -> None:
    """Name, namespace, labels, annotations and owner references of any object."""
    metadata = obj.get("metadata") or {}
    _check_name(found, str(obj.get("kind", "")), metadata)
    if namespace := metadata.get("namespace"):
        for fault in label_faults(namespace):
            found.invalid("metadata.namespace", namespace, fault)
    check_labels(found, "metadata.labels", metadata.get("labels"))
    check_annotations(found, "metadata.annotations", metadata.get("annotations"))
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                found.invalid(
                    f"metadata.ownerReferences[{index}].{name}", owner.get(name, ""), f"{name} must not be empty"
                )


def check_labels(found: CauseCollector, path: str, labels: Mapping[str, Any] | None) -> None:
    """Keys and values of a map of labels."""
    for key, value in (labels or {}).items():
        for fault in qualified_faults(key):
            found.invalid(path, key, fault)
        for fault in label_value_faults(value or ""):
            found.invalid(path, value, fault)


def check_annotations(found: CauseCollector, path: str, annotations: Mapping[str, Any] | None) -> None:
    """Keys and the total size of a map of annotations."""
    size = 0
    for key, value in (annotations or {}).items():
        size += len(key.encode()) + len((value or "").encode())
        for fault in qualified_faults(key.lower()):
            found.invalid(path, key, fault)
    if size > _ANNOTATIONS_LIMIT:
        found.too_long(path, _ANNOTATIONS_LIMIT)


def check_selector(found: CauseCollector, path: str, selector: Mapping[str, Any] | None) -> None:
    """A LabelSelector: labels, operators and their values."""
    if selector is None:
        return
    check_labels(found, f"{path}.matchLabels", selector.get("matchLabels"))
    for index, rule in enumerate(selector.get("matchExpressions") or ()):
        here = f"{path}.matchExpressions[{index}]"
        operator, values = rule.get("operator"), rule.get("values")
        if operator in ("In", "NotIn"):
            if not values:
                found.required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                found.forbidden(f"{here}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        else:
            found.invalid(f"{here}.operator", operator, "not a valid selector operator")
        for fault in qualified_faults(rule.get("key") or ""):
            found.invalid(f"{here}.key", rule.get("key") or "", fault)


def _check_name(found: CauseCollector, kind: str, metadata: Mapping[str, Any]) -> None:
    name, base = metadata.get("name"), metadata.get("generateName")
    if not name:
        if not base:
            found.required("metadata.name", "name or generateName is required")
            return
        for fault in _name_faults(kind, base.rstrip("-.") or base):
            found.invalid("metadata.generateName", base, fault)
        return
    for fault in _name_faults(kind, name):
        found.invalid("metadata.name", name, fault)


def _name_faults(kind: str, name: str) -> Sequence[str]:
    if kind in _PATH_KINDS:
        if name in (".", ".."):
            return [f"may not be '{name}'"]
        return [f"may not contain '{sign}'" for sign in ("/", "%") if sign in name]
    if kind in _LABEL_KINDS:
        return label_faults(name)
    return label_1035_faults(name) if kind in _LABEL_1035_KINDS else subdomain_faults(name)


def _faults(text: str, limit: int, pattern: str, message: str) -> list[str]:
    faults = [f"must be no more than {limit} characters"] if len(text) > limit else []
    if not re.fullmatch(pattern, text, re.ASCII):
        faults.append(message)
    return faults
