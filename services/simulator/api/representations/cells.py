"""The cells of Tables: short texts computed from objects, in the format of Kubernetes' printers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from shared.kube import texts
from shared.kube.objects import Obj

_NONE: Final = "<none>"
_UNKNOWN: Final = "<unknown>"

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
# For less than so many seconds: the unit and its letter, and the smaller unit that follows it (0: none).
_DURATIONS: Final = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
    (None, _YEAR, "y", 0, ""),
)


def spec(obj: Obj) -> Obj:
    """The object's spec; empty if it has none."""
    return obj.get("spec") or {}


def status(obj: Obj) -> Obj:
    """The object's status; empty if it has none."""
    return obj.get("status") or {}


def age(obj: Obj, now: datetime) -> str:
    """How long ago the object was created."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def since(moment: str | None, now: datetime) -> str:
    """The time since a timestamp, in kubectl's short format."""
    if not moment:
        return _UNKNOWN
    seconds = int((now - texts.parse_time(moment)).total_seconds())
    return duration(max(0, seconds))


def duration(seconds: int) -> str:
    """Seconds as `95s`, `4m10s`, `35m`, `5h12m`, `30h`, `3d4h`, `200d`, `3y20d`."""
    for limit, unit, name, rest_unit, rest_name in _DURATIONS:
        if limit is None or seconds < limit:
            rest = seconds % unit // rest_unit if rest_unit else 0
            return f"{seconds // unit}{name}" + (f"{rest}{rest_name}" if rest else "")
    raise AssertionError("the last entry of _DURATIONS has no limit")


def joined(texts: Iterable[Any], empty: str = _NONE) -> str:
    """Texts with commas between them."""
    return ",".join(str(text) for text in texts) or empty


def pairs(values: Obj | None, empty: str = _NONE) -> str:
    """A map as `a=1,b=2`."""
    return joined((f"{key}={value}" for key, value in sorted((values or {}).items())), empty)


def selector(value: Obj | None) -> str:
    """A LabelSelector's labels and expressions."""
    value = value or {}
    texts = [f"{key}={wanted}" for key, wanted in sorted((value.get("matchLabels") or {}).items())]
    for expression in value.get("matchExpressions") or ():
        wanted = ",".join(expression.get("values") or ())
        texts.append(f"{expression['key']} {expression['operator'].lower()} ({wanted})")
    return joined(texts)


def template_containers(obj: Obj, field: str) -> str:
    """A field of each container of an object with a pod template."""
    template = spec(spec(obj).get("template") or {})
    return joined(container.get(field, "") for container in template.get("containers") or ())


def pod_ready(pod: Obj) -> str:
    """Ready and total containers, such as `1/2`."""
    statuses = status(pod).get("containerStatuses") or ()
    return f"{sum(bool(s.get('ready')) for s in statuses)}/{len(spec(pod).get('containers') or ())}"


def pod_restarts(pod: Obj, now: datetime) -> str:
    """Restarts of all containers, and how long ago the last one was."""
    statuses = status(pod).get("containerStatuses") or ()
    count = sum(s.get("restartCount", 0) for s in statuses)
    ends = [((s.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for s in statuses]
    last = max((end for end in ends if end), default=None)
    return f"{count} ({since(last, now)} ago)" if count and last else str(count)


def pod_status(pod: Obj) -> str:
    """The state of a pod: its phase, or the reason why a container isn't running."""
    state = status(pod)
    word = state.get("reason") or state.get("phase", "Unknown")
    initial = _initial_word(pod)
    if initial:
        word = initial
    else:
        for container in reversed(state.get("containerStatuses") or ()):
            word = _container_word(container) or word
    if "deletionTimestamp" in pod["metadata"]:
        return "Unknown" if state.get("reason") == "NodeLost" else "Terminating"
    return str(word)


def _initial_word(pod: Obj) -> str | None:
    statuses = status(pod).get("initContainerStatuses") or ()
    for index, container in enumerate(statuses):
        state = container.get("state") or {}
        if (state.get("terminated") or {}).get("exitCode") == 0:
            continue
        word = _container_word(container)
        if word and word != "PodInitializing":
            return f"Init:{word}"
        return f"Init:{index}/{len(statuses)}"
    return None


def _container_word(container: Obj) -> str | None:
    state = container.get("state") or {}
    waiting, terminated = state.get("waiting") or {}, state.get("terminated")
    if waiting.get("reason"):
        return str(waiting["reason"])
    if terminated is None:
        return None
    if terminated.get("reason"):
        return str(terminated["reason"])
    return f"Signal:{terminated['signal']}" if terminated.get("signal") else f"ExitCode:{terminated.get('exitCode', 0)}"


def node_status(node: Obj) -> str:
    """Ready, NotReady or Unknown, and SchedulingDisabled for a cordoned node."""
    ready = next((c for c in status(node).get("conditions") or () if c["type"] == "Ready"), None)
    words = [{"True": "Ready", "False": "NotReady"}.get(ready["status"], "NotReady") if ready else "Unknown"]
    if spec(node).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def node_roles(node: Obj) -> str:
    """Roles from the labels `node-role.kubernetes.io/<role>`."""
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return joined(sorted(label.removeprefix(prefix) for label in labels if label.startswith(prefix)))


def node_address(node: Obj, kind: str) -> str:
    """The node's first address of a kind."""
    addresses = status(node).get("addresses") or ()
    return next((address["address"] for address in addresses if address["type"] == kind), _NONE)


def service_ports(service: Obj) -> str:
    """`80/TCP`, with the node port as `80:30080/TCP`."""
    ports = spec(service).get("ports") or ()
    return joined(
        f"{p['port']}{':' + str(p['nodePort']) if p.get('nodePort') else ''}/{p.get('protocol', 'TCP')}" for p in ports
    )


def service_external(service: Obj) -> str:
    """The external addresses of a service."""
    kind = spec(service).get("type")
    if kind == "ExternalName":
        return str(spec(service).get("externalName", _NONE))
    points = (status(service).get("loadBalancer") or {}).get("ingress") or ()
    found = [point.get("ip") or point.get("hostname") for point in points] + (spec(service).get("externalIPs") or [])
    return joined(found, "<pending>" if kind == "LoadBalancer" else _NONE)


def autoscaler_targets(autoscaler: Obj) -> str:
    """The current and target value of each metric, such as `cpu: 45%/70%`."""
    current = status(autoscaler).get("currentMetrics") or []
    texts = []
    for index, metric in enumerate(spec(autoscaler).get("metrics") or ()):
        now = current[index] if index < len(current) else {}
        texts.append(_target(metric, now))
    return ", ".join(texts) or _NONE


def _target(metric: Obj, current: Obj) -> str:
    key = metric["type"][0].lower() + metric["type"][1:]
    source, now = metric.get(key) or {}, (current.get(key) or {}).get("current") or {}
    target = source.get("target") or {}
    name = source.get("name") or (source.get("metric") or {}).get("name", "")
    prefix = f"{name}: " if key in ("resource", "containerResource") else ""
    if target.get("type") == "Utilization":
        seen = now.get("averageUtilization")
        return f"{prefix}{_UNKNOWN if seen is None else f'{seen}%'}/{target.get('averageUtilization')}%"
    field = "averageValue" if "averageValue" in target else "value"
    return f"{prefix}{now.get(field, _UNKNOWN)}/{target.get(field)}{' (avg)' if field == 'averageValue' else ''}"


def autoscaler_reference(autoscaler: Obj) -> str:
    """The kind and name of what an autoscaler scales."""
    target = spec(autoscaler)["scaleTargetRef"]
    return f"{target['kind']}/{target['name']}"


def event_object(event: Obj) -> str:
    """The kind and name of the object that an event is about."""
    involved = event.get("involvedObject") or {}
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def event_time(event: Obj) -> str | None:
    """When an event happened last: a series has its own time, and events of the newer API only `eventTime`."""
    series = event.get("series") or {}
    return series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")


def event_source(event: Obj) -> str:
    """The component, and the host if it has one, that reported an event."""
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    return joined([component, *filter(None, [source.get("host")])])


def quota(obj: Obj, *, limits: bool) -> str:
    """Used and hard value of each resource of a ResourceQuota: the limits, or all but the limits."""
    hard, used = status(obj).get("hard") or spec(obj).get("hard") or {}, status(obj).get("used") or {}
    names = [name for name in sorted(hard) if name.startswith("limits.") is limits]
    return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in names)


def job_status(job: Obj) -> str:
    """The condition that holds, the most final one first; otherwise Running, or Terminating."""
    held = {c["type"] for c in status(job).get("conditions") or () if c["status"] == "True"}
    for word in ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if word in held:
            return word
    return "Terminating" if "deletionTimestamp" in job["metadata"] else "Running"


def job_duration(job: Obj, now: datetime) -> str:
    """From a job's start to its end, or until now."""
    start, end = status(job).get("startTime"), status(job).get("completionTime")
    return "" if not start else since(start, texts.parse_time(end) if end else now)


def endpoint_addresses(endpoints: Obj) -> str:
    """The first three addresses with their ports, and how many more there are."""
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in endpoints.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for port in subset.get("ports") or ()
    ]
    return joined(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")


def ingress_address(ingress: Obj) -> str:
    """The addresses of an ingress's load balancer."""
    points = (status(ingress).get("loadBalancer") or {}).get("ingress") or ()
    return joined((point.get("ip") or point.get("hostname") for point in points), "")


def data_count(obj: Obj) -> int:
    """The number of entries of a ConfigMap or a Secret."""
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
