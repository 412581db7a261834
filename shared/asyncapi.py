"""The bus as an AsyncAPI 3 document, made from the contract itself: subjects, owners, headers, payloads, examples.

`python -m shared.asyncapi` writes `docs/asyncapi.yaml` and `docs/events.md`; a test fails when they differ
from the code. The examples are validated by their models.
"""

import inspect
import json
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import yaml
from pydantic.json_schema import models_json_schema

from shared.access import publishers, readers
from shared.events import EVENTS, Event
from shared.examples import EXAMPLES
from shared.subjects import STREAM_SUBJECTS, Mode, Stream, Subject

JsonObject = dict[str, Any]
DOCS = Path(__file__).parent.parent / "docs"
_SCHEMAS = "#/components/schemas/{model}"
_TITLE = "ECP-AI Kubernetes Orchestrator"

HEADERS: JsonObject = {
    "type": "object",
    "description": "CloudEvents 1.0, binary mode. Other systems may leave all of them out.",
    "properties": {
        "ce-id": {"type": "string", "description": "Unique; a repeated delivery has the same one."},
        "ce-type": {"type": "string", "description": "`ai.ecp.` and the subject."},
        "ce-source": {"type": "string", "description": "`/ecp/` and the service."},
        "ce-subject": {"type": "string", "description": "The tenant's id."},
        "ce-time": {"type": "string", "format": "date-time", "description": "When the event was published."},
        "ce-specversion": {"const": "1.0", "description": "The version of CloudEvents."},
        "Nats-Msg-Id": {"type": "string", "description": "JetStream drops a second message with the same one."},
        "correlation-id": {"type": "string", "description": "The request that began it."},
        "traceparent": {"type": "string", "description": "W3C trace context."},
    },
}


def document(version: str) -> JsonObject:
    """The AsyncAPI document; `version` is the product's."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": _TITLE, "version": version, "description": _description()},
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "JetStream"}},
        "channels": {_channel_name(subject): _channel(subject) for subject in Subject},
        "operations": dict(pair for subject in Subject for pair in _operations(subject)),
        "components": {
            "messages": {model.__name__: _message(model) for model in EVENTS.values()},
            "schemas": {"Headers": HEADERS, **_schemas()},
        },
    }


def page() -> str:
    """The same for people: `docs/events.md`."""
    lines = [
        "# Events",
        "",
        _description(),
        "",
        "| subject | published by | consumed by | stream | meaning |",
        "|---|---|---|---|---|",
    ]
    for subject in Subject:
        cells = (
            f"`{subject}`",
            _names(publishers(subject)),
            _names(readers(subject)),
            _stream(subject),
            _summary(subject),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## From other systems", "", _OUTSIDE.rstrip()]
    lines += ["", "## Headers", "", "| header | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {about['description']} |" for name, about in HEADERS["properties"].items()]
    for subject in Subject:
        example = EXAMPLES[subject].model_dump(mode="json", exclude_none=True)
        lines += ["", f"## `{subject}`", "", _summary(subject), "", "```json"]
        lines += [json.dumps(example, indent=2, ensure_ascii=False), "```"]
    return "\n".join(lines) + "\n"


def to_yaml(content: JsonObject) -> str:
    """Stable YAML: the order of the contract, no line breaks inside of texts, no aliases."""

    class Dumper(yaml.CSafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)


_OUTSIDE = """\
Give each system a user of its own: `ecp bus add crm` for `make run` (at any time), `NATS_OUTSIDE_SYSTEMS` for
containers. The user `outside` always exists and is one more system. Each may publish `tenant.created`,
`deploy.requested` and `metrics.collected`. Plain JSON without headers is enough. The first two have the fields of
`POST /api/v1/tenants/`, at the top or in `spec`:

```json
{"tenant_id": "my-tenant", "name": "Mine", "service_requirements": {"stt": 10}}
```

- The gateway handles a request like one that came by REST: it assigns the revision and the generation, and publishes
  its own event (`ce-source: /ecp/gateway`), which the examples below show and on which the other services act. A
  generation, revision or deployment id from the sender is ignored.
- `deploy.requested` with requirements creates or updates the tenant; with a `tenant_id` alone it deploys the tenant's
  current revision. `tenant.created` with `"deploy": false` only stores the tenant.
- Give each event a header `ce-id` (and `ce-source`, if several systems publish as `outside`). A repeated event with the
  same headers has no effect, even after days; with another body it is refused. Without an id each message is a new
  request.
- A missing `tenant_id` is derived from the message's position in the stream.
- A request that REST would refuse becomes a dead letter with the reason (`make dlq`), and has no other effect. Only
  unknown fields, which REST refuses, are ignored here.
- Each user is in a NATS account of its own, which shares no subject with ours. NATS renames what `crm` publishes to
  `outside.crm.tenant.created` and so on (`demo.outside.crm.tenant.created`), in the stream `OUTSIDE_crm`, which
  acknowledges it and drops a second message with the same `Nats-Msg-Id`. So a system can't publish an event as ours or
  as another system, displace one, or reach JetStream, a key-value bucket or a request.
  The user `outside` has the subjects `outside.tenant.created` and so on, and the stream `OUTSIDE`.
- The gateway and the monitor read the systems round-robin: an event waits for at most one event of each other system.
  The events of one named system are handled one after another, in their order. Each system has a stream of its own
  because JetStream bounds bytes and deduplicates message ids per stream.
- Dead letters have the long name (`dlq.outside.crm.tenant.created`), and a replay returns to that stream. They share
  our dead-letter stream, which keeps the first 12 KiB of each and the latest 5,000 of each subject: those of 20 systems
  and ours fit. Samples of other systems share `METRICS` with ours, where a system that floods displaces our samples.
- A stream drops finished events. It holds 64 MiB of unfinished ones for a named system (256 MiB for `outside`), and
  then refuses more from that system only: wait and publish again.
- A message of more than 256 KiB, including headers, is refused.
- Don't name a stream when you publish (`stream=` in nats-py), or name your own (`OUTSIDE_crm`, `DEMO_OUTSIDE_crm`).
- The monitor publishes a sample again as its own and stores it in PostgreSQL within seconds. Its own samples of a
  cluster are in `metrics.sampled`, which has many tenants in one event. The `source` "kubernetes"
  is reserved for the monitor and refused.
- A NATS without our accounts is refused: the services don't start there.
"""


def _description() -> str:
    return (
        "The events that the services and other systems publish on NATS JetStream. "
        f"In demo mode each subject begins with `{Mode.DEMO.subject('')}`; the two modes share no stream. "
        "Bodies are JSON; fields that a reader doesn't know are ignored."
    )


def _channel_name(subject: Subject) -> str:
    return subject.replace(".", "_")


def _channel(subject: Subject) -> JsonObject:
    model = EVENTS[subject].__name__
    return {
        "address": f"{{mode}}{subject}",
        "description": f"Stream {_stream(subject)}.",
        "parameters": {"mode": {"enum": ["", Mode.DEMO.subject("")], "description": "Empty in production."}},
        "messages": {model: {"$ref": f"#/components/messages/{model}"}},
    }


def _operations(subject: Subject) -> list[tuple[str, JsonObject]]:
    name, model = _channel_name(subject), EVENTS[subject].__name__
    channel = {"$ref": f"#/channels/{name}"}
    messages = [{"$ref": f"#/channels/{name}/messages/{model}"}]
    sent = [(f"{who}_publishes_{name}", "send") for who in publishers(subject)]
    read = [(f"{who}_consumes_{name}", "receive") for who in readers(subject)]
    return [(key, {"action": action, "channel": channel, "messages": messages}) for key, action in sent + read]


def _message(model: type[Event]) -> JsonObject:
    return {
        "name": model.__name__,
        "title": str(model.subject),
        "summary": _summary(model.subject),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "examples": [{"payload": EXAMPLES[model.subject].model_dump(mode="json", exclude_none=True)}],
    }


def _schemas() -> JsonObject:
    _, definitions = models_json_schema([(model, "validation") for model in EVENTS.values()], ref_template=_SCHEMAS)
    schemas: JsonObject = definitions["$defs"]
    return {name: schemas[name] for name in sorted(schemas)}


def _summary(subject: Subject) -> str:
    return " ".join((inspect.getdoc(EVENTS[subject]) or "").split())


def _stream(subject: Subject) -> str:
    return next(
        stream for stream, subjects in STREAM_SUBJECTS.items() if subject in subjects and stream is not Stream.DLQ
    )


def _names(accounts: tuple[str, ...]) -> str:
    return ", ".join("other systems" if name == "outside" else name for name in accounts) or "sockets"


def main() -> None:
    """Write the document and the page."""
    DOCS.mkdir(exist_ok=True)
    (DOCS / "asyncapi.yaml").write_text(to_yaml(document(version_of("ecp-orchestrator"))), encoding="utf-8")
    (DOCS / "events.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
