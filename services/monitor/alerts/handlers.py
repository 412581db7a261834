"""Answers to requests about alert rules, in both modes."""

from collections.abc import Mapping
from typing import NamedTuple

from services.monitor.alerts.backtest_reader import Backtests
from services.monitor.alerts.evaluator import Evaluator
from services.monitor.alerts.rule_store import RuleStore
from shared.rpc import AlertRuleReply, AlertRuleRequest, AlertTestReply, AlertTestRequest
from shared.subjects import Mode


class AlertRulesOfMode(NamedTuple):
    """What answers in one mode."""

    rules: RuleStore
    evaluator: Evaluator
    backtests: Backtests


async def answer_alert_rules(
    request: AlertRuleRequest, mode: Mode, *, modes: Mapping[Mode, AlertRulesOfMode]
) -> AlertRuleReply:
    """Answer `rpc.alert_rules`. Raises Refused, DependencyUnavailable."""
    reply = await modes[mode].rules.answer(request)
    modes[mode].evaluator.poked.set()
    return reply


async def answer_alert_test(
    request: AlertTestRequest, mode: Mode, *, modes: Mapping[Mode, AlertRulesOfMode]
) -> AlertTestReply:
    """Answer `rpc.alert_test`. Raises Refused, DependencyUnavailable."""
    return await modes[mode].backtests.answer(request)
