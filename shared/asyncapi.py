"""The bus as an AsyncAPI 3 document, made from the contract itself: subjects, owners, headers, payloads, examples.

`python -m shared.asyncapi` writes `docs/asyncapi.yaml` and `docs/events.md`; a test fails when they are not what the
code says. Examples are checked by the models that they show.
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
        "ce-time": {"type": "string", "format": "date-time", "description": "When it was said."},
        "ce-specversion": {"const": "1.0", "description": "CloudEvents' own version."},
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
        "| subject | says it | reads it | stream | meaning |",
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

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)


_OUTSIDE = """\
Give each system a user of its own: `ecp bus add crm` for `make run` (at any time), `NATS_OUTSIDE_SYSTEMS` for
containers. The user `outside`, which needs no adding, is one more system. Each may publish `tenant.created`,
`deploy.requested` and `metrics.collected`. Plain JSON without a header is
enough; the fields of the first two are those of `POST /api/v1/tenants/`, at the top or in `spec`:

```json
{"tenant_id": "my-tenant", "name": "Mine", "service_requirements": {"stt": 10}}
```

- The gateway takes a request in as if it had come by REST, numbers it, and says it again in its own name
  (`ce-source: /ecp/gateway`): that is what the examples below show, and what the other services act on. A
  generation, revision or deployment id of the sender's own counts for nothing.
- `deploy.requested` with requirements makes the tenant or changes it; with nothing but a `tenant_id` it deploys the
  tenant as it is. `tenant.created` with `"deploy": false` only stores it.
- Give each event a header `ce-id` (and `ce-source`, if several systems publish as `outside`): the same ones again,
  even after days, do nothing. With another body they are refused. Without an id each message is a request of its own.
- A missing `tenant_id` is made from the message's place in the stream.
- What REST would refuse becomes a dead letter with the reason (`make dlq`), and nothing else happens.
- Each user is in an account of NATS of its own, whose subjects are not ours: NATS renames what `crm` publishes to
  `outside.crm.tenant.created` and so on (`demo.outside.crm.tenant.created`), in the stream `OUTSIDE_crm`, which
  acknowledges it and drops a second message with the same `Nats-Msg-Id`. So neither a header nor a subject can make it
  an event of ours or of another system, nor can it displace one, or reach JetStream, a key-value bucket or a question.
  The user `outside` has `outside.tenant.created` and the stream `OUTSIDE`, as before there were names.
- The gateway and the monitor read the systems in turn, one event of each that has any: an event waits for few of
  another system's, however many those are. The events of one system with a name are handled one after another, in their
  order. The streams are apart, and not parts of one, because JetStream bounds bytes and compares message ids for each
  stream.
- Dead letters have the long name (`dlq.outside.crm.tenant.created`), and a replay goes back to that stream. They lie
  with ours, the first 12 KiB of each and the latest 5,000 of each subject, so that there is room for those of 20
  systems and ours. Samples of other systems lie with ours, too: a system that floods takes room from ours in `METRICS`.
- A stream forgets what is done. Of what waits it holds 64 MiB for a system with a name (256 MiB for `outside`), and
  then refuses more of that system alone: wait, and publish again.
- A message of more than 256 KiB, headers included, is refused.
- Don't name a stream when you publish (`stream=` in nats-py), or name your own (`OUTSIDE_crm`, `DEMO_OUTSIDE_crm`).
- The monitor says a sample again as its own and stores it in PostgreSQL within seconds. The `source` "kubernetes" is
  its own and is refused.
- On a NATS without our accounts the same subjects lie in our own streams, and the header `ce-source`, which anybody
  can write there, is what tells the gateway's events from others': keep such a server to yourself.
"""


def _description() -> str:
    return (
        "What the services say to each other, and what other systems may say to them, on NATS JetStream. "
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
    said = [(f"{who}_says_{name}", "send") for who in publishers(subject)]
    read = [(f"{who}_reads_{name}", "receive") for who in readers(subject)]
    return [(key, {"action": action, "channel": channel, "messages": messages}) for key, action in said + read]


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
