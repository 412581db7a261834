"""The alert rules of one mode's database: a tenant's own ones, and its changes of the standard ones."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.alerts.conditions import ConditionError, parse
from shared.alerts.destinations import email_problem, url_problem
from shared.alerts.figures import QUANTITIES, unknown_quantity
from shared.alerts.rule import MOST_RULES, AlertRule, EmailAction, WebhookAction
from shared.alerts.standard_rules import STANDARD_RULES
from shared.database import Database
from shared.errors import Refused
from shared.messages import Sentence, problem, sentence
from shared.rpc import AlertRuleReply, AlertRuleRequest

_TENANT = text("SELECT id FROM tenants WHERE tenant_id = :tenant_id FOR NO KEY UPDATE")
_KNOWN_TENANT = text("SELECT id FROM tenants WHERE tenant_id = :tenant_id")
_FIND = text("SELECT rule FROM alert_rules WHERE tenant_id = :row_id AND name = :name")
_COUNT = text("SELECT count(*) FROM alert_rules WHERE tenant_id = :row_id")
_WRITE = text("""
    INSERT INTO alert_rules (tenant_id, name, rule) VALUES (:row_id, :name, CAST(:rule AS jsonb))
    ON CONFLICT (tenant_id, name) DO UPDATE SET rule = excluded.rule, updated_at = CURRENT_TIMESTAMP
""")
_REMOVE = text("DELETE FROM alert_rules WHERE tenant_id = :row_id AND name = :name")
_STORED = text("""
    SELECT DISTINCT metric_name FROM monitoring_rollups WHERE tenant_id = :row_id AND metric_name = ANY(:names)
    UNION SELECT DISTINCT metric_name FROM monitoring_data WHERE tenant_id = :row_id AND metric_name = ANY(:names)
""")
_EVERY = text("""
    SELECT tenants.tenant_id, alert_rules.name, alert_rules.rule FROM alert_rules
    JOIN tenants ON tenants.id = alert_rules.tenant_id
""")
_VERSION = text("""
    SELECT count(*) AS rules, coalesce(sum(id), 0) AS ids,
        coalesce(sum(CAST(CAST(xmin AS text) AS bigint)), 0) AS writes
    FROM alert_rules
""")


class RulesVersion(NamedTuple):
    """Equal as long as no rule has changed."""

    rules: int
    ids: int
    writes: Any
    """Of the transactions that wrote them: a time of a transaction is that of its begin, and several may overlap."""


class RuleStore:
    """Changes rules, and reads those of all tenants. Every method raises DependencyUnavailable."""

    def __init__(self, database: Database, *, allow_private: bool) -> None:
        """`allow_private`: whether a rule's webhooks may be sent to private addresses."""
        self._database = database
        self._allow_private = allow_private

    async def version(self) -> RulesVersion:
        """The present version of all rules."""
        async with self._database.begin() as connection:
            return RulesVersion(*(await connection.execute(_VERSION)).one())

    async def own_rules(self) -> Mapping[str, Mapping[str, AlertRule]]:
        """Each tenant's stored rules by name. One that this version can't read is left out."""
        found: dict[str, dict[str, AlertRule]] = {}
        async with self._database.begin() as connection:
            for row in await connection.execute(_EVERY):
                if (rule := readable(row.rule)) is not None:
                    found.setdefault(row.tenant_id, {})[row.name] = rule
        return found

    async def answer(self, request: AlertRuleRequest) -> AlertRuleReply:
        """Add, replace or remove a rule. Raises Refused."""
        async with self._database.begin() as connection:
            row_id = await connection.scalar(_TENANT, {"tenant_id": request.tenant_id})
            if row_id is None:
                raise Refused(f"there is no tenant {request.tenant_id!r}", code="TENANT_NOT_FOUND")
            if request.remove is not None:
                return await _remove(connection, row_id, request.tenant_id, request.remove)
            rule = request.create or request.replace
            if rule is None:
                raise Refused("one of create, replace and remove must be there")
            await self._check(connection, row_id, rule)
            name = rule.alert_name
            if request.create is not None:
                await _check_new(connection, row_id, name)
            elif not await _exists(connection, row_id, name):
                raise _not_found(name)
            await connection.execute(_WRITE, {"row_id": row_id, "name": name, "rule": rule.model_dump_json()})
        return AlertRuleReply(tenant_id=request.tenant_id, rule=rule, is_standard=name in STANDARD_RULES)

    async def check(self, tenant_id: str, rules: tuple[AlertRule, ...]) -> int:
        """The tenant's row. Raises Refused for an unknown tenant, or a rule that can't be evaluated."""
        async with self._database.begin() as connection:
            row_id = await connection.scalar(_KNOWN_TENANT, {"tenant_id": tenant_id})
            if row_id is None:
                raise Refused(f"there is no tenant {tenant_id!r}", code="TENANT_NOT_FOUND")
            for index, rule in enumerate(rules):
                await self._check(connection, row_id, rule, f"rules.{index}.")
        return int(row_id)

    async def _check(self, connection: AsyncConnection, row_id: int, rule: AlertRule, path: str = "") -> None:
        """Raise Refused for a condition that isn't one, a metric that the tenant doesn't have, or a bad address."""
        found = _action_problems(rule, path, allow_private=self._allow_private)
        try:
            condition = parse(rule.condition)
        except ConditionError as error:
            found.append({**problem(f"{path}condition", error.reason), "column": error.column})
        else:
            stored = await _stored(
                connection, row_id, {each.metric for each in condition.comparisons} - set(QUANTITIES)
            )
            found += [
                {**problem(f"{path}condition", reason), "column": each.column}
                for each in condition.comparisons
                if (reason := unknown_quantity(each.metric, stored))
            ]
        if found:
            english = "; ".join(f"{each['field']}: {each['message']}" for each in found)
            raise Refused(english, details={"errors": found})


def readable(stored: Any) -> AlertRule | None:
    """A stored rule; None for one of another version that this one can't evaluate."""
    try:
        rule = AlertRule.model_validate(stored)
        parse(rule.condition)
    except (ValidationError, ConditionError):
        return None
    return rule


def _action_problems(rule: AlertRule, path: str, *, allow_private: bool) -> list[dict[str, Any]]:
    found: list[tuple[str, Sentence]] = []
    for index, action in enumerate(rule.actions):
        place = f"{path}actions.{index}"
        if isinstance(action, WebhookAction) and (reason := url_problem(action.url, allow_private=allow_private)):
            found.append((f"{place}.url", reason))
        if isinstance(action, EmailAction):
            for number, address in enumerate(action.recipients):
                if reason := email_problem(address):
                    found.append((f"{place}.recipients.{number}", reason))
    return [problem(*each) for each in found]


async def _stored(connection: AsyncConnection, row_id: int, names: set[str]) -> frozenset[str]:
    """Those of `names` of which the tenant has a sample."""
    if not names:
        return frozenset()
    return frozenset((await connection.execute(_STORED, {"row_id": row_id, "names": sorted(names)})).scalars())


async def _exists(connection: AsyncConnection, row_id: int, name: str) -> bool:
    if name in STANDARD_RULES:
        return True
    return await connection.scalar(_FIND, {"row_id": row_id, "name": name}) is not None


async def _check_new(connection: AsyncConnection, row_id: int, name: str) -> None:
    if await _exists(connection, row_id, name):
        raise Refused(
            f"the tenant has an alert rule {name!r} already; change it with PUT",
            code="CONFLICT",
            message_id="alert-rule-exists",
            details={"alert_name": name},
        )
    if await connection.scalar(_COUNT, {"row_id": row_id}) >= MOST_RULES:
        raise Refused(
            f"the tenant has {MOST_RULES} alert rules, the most that are possible; remove one first",
            code="CONFLICT",
            message_id="alert-rules-full",
            details={"most": MOST_RULES},
        )


async def _remove(connection: AsyncConnection, row_id: int, tenant_id: str, name: str) -> AlertRuleReply:
    if name not in STANDARD_RULES:
        if not (await connection.execute(_REMOVE, {"row_id": row_id, "name": name})).rowcount:
            raise _not_found(name)
        return AlertRuleReply(tenant_id=tenant_id, rule=None, is_standard=False)
    stored = readable(await connection.scalar(_FIND, {"row_id": row_id, "name": name}))
    off = (stored or STANDARD_RULES[name]).model_copy(update={"enabled": False})
    await connection.execute(_WRITE, {"row_id": row_id, "name": name, "rule": off.model_dump_json()})
    return AlertRuleReply(tenant_id=tenant_id, rule=off, is_standard=True)


def _not_found(name: str) -> Refused:
    return Refused(
        sentence("alert-rule-not-found", "the tenant has no alert rule {name}", name=repr(name)).english,
        code="NOT_FOUND",
        message_id="alert-rule-not-found",
        details={"name": repr(name)},
    )
