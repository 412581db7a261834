"""Wires the evaluation of alert rules in each mode, and the answers to requests about rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from prometheus_client import Gauge

from services.monitor.alerts.alert_states import AlertStates
from services.monitor.alerts.backtest_reader import Backtests
from services.monitor.alerts.evaluator import AppliesTransitions, Evaluator
from services.monitor.alerts.handlers import AlertRulesOfMode, answer_alert_rules, answer_alert_test
from services.monitor.alerts.rule_store import RuleStore
from services.monitor.alerts.sample_feed import samples_since
from services.monitor.alerts.share_loader import ShareLoader
from services.monitor.clock import utc_now
from services.monitor.mode_context import ModeContext
from services.monitor.storage.availability_store import AvailabilityStore
from services.monitor.storage.maintenance_windows import MaintenanceStore
from shared.bus import Worker
from shared.rpc import AlertRuleRequest, AlertTestRequest
from shared.subjects import Mode, Rpc

_TESTS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class AlertSources:
    """What alerts of one mode are made of, and where they go."""

    context: ModeContext
    availability: AvailabilityStore
    maintenance: MaintenanceStore
    alerts: AppliesTransitions


def alert_rules_of(worker: Worker, sources: AlertSources, *, allow_private: bool) -> AlertRulesOfMode:
    """The rules of one mode: their store, their evaluator and their backtests."""
    context = sources.context
    database = context.database
    rules = RuleStore(database, allow_private=allow_private)
    states = AlertStates(database)
    evaluator = Evaluator(
        share=context.share,
        loader=ShareLoader(database, rules, states, sources.availability, sources.maintenance),
        rules=rules,
        states=states,
        alerts=sources.alerts,
        samples=lambda since: samples_since(worker.broker.connection, context.mode, since),
    )
    return AlertRulesOfMode(
        rules, evaluator, Backtests(database, rules, sources.availability, sources.maintenance, utc_now)
    )


def answer_about_rules(worker: Worker, modes: Mapping[Mode, AlertRulesOfMode]) -> None:
    """Answer the requests about rules, and show how many are evaluated."""
    worker.answer(Rpc.ALERT_RULES, AlertRuleRequest, partial(answer_alert_rules, modes=modes))
    tests = partial(answer_alert_test, modes=modes)
    worker.answer(Rpc.ALERT_TEST, AlertTestRequest, tests, concurrency=_TESTS_AT_ONCE)
    text = "Alert rules that this process evaluates"
    evaluated = Gauge("ecp_alert_rules", text, ["mode"], registry=worker.registry)
    for mode, each in modes.items():
        evaluated.labels(mode).set_function(partial(_count, each.evaluator))


def _count(evaluator: Evaluator) -> float:
    return float(evaluator.rule_count)
