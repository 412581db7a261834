# ruff: noqa: E501 - lines of the page are as long as in the other pages of docs
"""`python -m tools.access_page`: docs/access.md, which role each call needs, from the tables of gateway and simulator."""

from collections.abc import Iterator, Mapping

from services.gateway import app as gateway
from services.gateway.access.rules import PUBLIC, RULES, SOCKETS, Rule, Scope
from services.gateway.http.operation_ids import operation_id
from services.simulator.api.product.calls import OPERATIONS
from shared.access import ACCESS, OUTSIDE
from shared.catalog import load_catalog
from shared.subjects import Rpc
from tools.locks import ROOT
from tools.openapi_rules import Operation, operations

FILE = ROOT / "docs" / "access.md"
_INTRODUCTION = """\
# Roles and tenants

Which role each call needs, and which tenants it may concern. Made from the code by `make docs`; the same tables are enforced, and a test sends
every call with every role. How callers prove who they are is described in [identity.md](identity.md).

While authentication is off (no `OIDC_ISSUER`, and `AUTHENTICATION` isn't `on`), every caller is an administrator.

| role | may |
|---|---|
| `viewer` | read |
| `operator` | also deploy, stop, start, restart, roll back and cancel; send measurements; announce maintenance |
| `tenant_admin` | also create tenants, and change and delete its own |
| `admin` | everything, for all tenants |

Each role includes the ones above it. `viewer`, `operator` and `tenant_admin` are bound to tenants: those in the token (claim `tenant_access`) or
key, those that they created, and those that an administrator gave them. The claims hold in both modes, the grants in the mode in which they were made:

```console
$ curl -X PUT "$API/tenants/my-ai-service/access/248289761001" -H "Authorization: Bearer $TOKEN"             # a person, by `sub`
$ curl -X PUT "$API/tenants/my-ai-service/access/key-0123?kind=key" -H "Authorization: Bearer $TOKEN"        # an API key, by its id
$ curl -X DELETE "$API/tenants/my-ai-service/access/248289761001" -H "Authorization: Bearer $TOKEN"          # holds for the next call
```

A grant ends with its tenant: another tenant with the same id has none of it. A claim of a token is the provider's, and does not end.

- **Another tenant** is answered with the 404 of one that doesn't exist, before the role is checked. **A missing role** is a 403 `FORBIDDEN`,
  whose `details.required_role` names it. A refused call changes nothing.
- **Lists, counts and dashboards** have only the caller's tenants. For a bound caller the use of the cluster is what its own tenants need.
- **`permissions`** of a tenant, in its answer and in lists, are what the caller may do with it now. `GET /api/v1/me` has those that need no tenant.
- **An `Idempotency-Key`** belongs to its caller: the same key of another caller is another call.
- **`X-Debug-Info`** is for administrators.

Some things can't be hidden: that an id or a host is in use, when a caller wants it for a tenant of its own (nothing else about that tenant is told),
and how much room the cluster has, when a deployment doesn't fit. `/metrics` needs no credential and names tenants: keep it from other networks.

The next creator of a free id gets what is left under its name outside of this system: the secret store's entry `ecp/<id>`, and the namespace
`ecp-ai-<id>`. After a deletion, remove the entry. Where objects in that namespace are of others, `force_conflicts` is for administrators: it would take
them over, which is an adoption. Anyone else gets a 403, for a creation, a change and a deployment.

## REST

"Tenants" tells which ones a call may concern; *listed* is an answer about several, which has the caller's only.
"""
_SOCKETS = """\
## WebSockets

A missing role closes with 4403, and an id that doesn't exist for the caller with 4404.
"""
_BUS = """\
## The bus

Other systems publish events through accounts of their own. Each is a caller with a role and tenants of its own, under the rules of the REST call
with the same effect:

| event | call |
|---|---|
| `tenant.created` | `createTenant`; the tenant is then the system's own |
| `deploy.requested` | `deployTenant`; with `service_requirements` `createTenant`, or `changeTenant` if it exists |
| `metrics.collected` | `sendMetrics` |

By default a system may do everything, as its account was enough before there were roles. `ecp bus add crm --role operator --tenants acme,globex`
gives a new one less. In containers, `OUTSIDE_ROLES_PATH` of gateway and monitor is a JSON file, which is read again when it changes:

```json
{"crm": {"role": "operator", "tenants": ["acme", "globex"]}, "outside": {"role": "tenant_admin", "tenants": []}, "*": {"role": "viewer"}}
```

`outside` is the system without a name of its own, `*` stands for systems without an entry, and `tenants` that are absent are all of them. A file
that can't be read stops the events of all systems until it is repaired; they aren't lost. What a system may not do becomes a dead letter with the reason.

Requests with a reply are between our services alone; NATS refuses those of every other account:
"""
_SIMULATOR = """\
## The simulator

With authentication on, the product's endpoints need a token of the identity provider; only the tenants that the token names count, since grants and
API keys are the gateway's. The Kubernetes API has users and roles of its own.
"""
_SCOPES: Mapping[Scope, str] = {
    Scope.NONE: "",
    Scope.TENANT: "that of the path",
    Scope.DEPLOYMENT: "that of the deployment",
    Scope.INCIDENT: "that of the incident",
    Scope.BODY: "that of the body",
    Scope.NAMESPACE: "that of the namespace",
    Scope.VISIBLE: "listed",
}


def page() -> str:
    """The whole page."""
    found = sorted(operations(gateway.document(load_catalog())), key=lambda each: (each.path, each.method))
    rules = {operation_id(name): rule for name, rule in RULES.items()}
    public = {operation_id(name) for name in PUBLIC}
    return "\n".join(
        [
            _INTRODUCTION,
            "| call | operation | least role | tenants |",
            "|---|---|---|---|",
            *(_rest(each, rules, public) for each in found),
            "",
            _SOCKETS,
            "| socket | least role | tenants |",
            "|---|---|---|",
            *(f"| `/ws/{name}/…` | {_role(rule)} | {_SCOPES[rule.scope]} |" for name, rule in SOCKETS.items()),
            "",
            _BUS,
            "| request | asked by | answered by |",
            "|---|---|---|",
            *_requests(),
            "",
            _SIMULATOR,
            "| call | operation | least role |",
            "|---|---|---|",
            *_simulated(),
            "",
        ]
    )


def _rest(operation: Operation, rules: Mapping[str, Rule], public: set[str]) -> str:
    name = operation.spec["operationId"]
    call = f"| `{operation.method.upper()} {operation.path}` | `{name}` |"
    return f"{call} none |  |" if name in public else f"{call} {_role(rules[name])} | {_SCOPES[rules[name].scope]} |"


def _role(rule: Rule) -> str:
    return f"`{rule.least.value}`" if rule.least else "any, with a credential"


def _requests() -> Iterator[str]:
    for rpc in Rpc:
        asks = [name for name, access in ACCESS.items() if rpc in access.requests]
        replies = [name for name, access in ACCESS.items() if rpc in access.answers]
        assert OUTSIDE not in asks  # noqa: S101 - the page would have to tell the role that it needs
        yield f"| `{rpc.value}` | {', '.join(asks)} | {', '.join(replies)} |"


def _simulated() -> Iterator[str]:
    for each in OPERATIONS:
        role = f"`{each.least.value}`" if each.least else "none"
        yield f"| `{each.method.upper()} {each.path}` | `{each.id}` | {role} |"


def main() -> None:
    """Write the page."""
    FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
