"""The limits of a process, made from its settings: what `app` puts between its middlewares."""

from collections.abc import Callable
from functools import partial

from starlette.middleware import Middleware
from starlette.types import Scope

from services.gateway.limits.address_limit import AddressLimit
from services.gateway.limits.admission import Admission, build_slots
from services.gateway.limits.bounded_storage import BoundedStorage
from services.gateway.limits.call_slots import CallSlots
from services.gateway.limits.identity_limit import IdentityLimit
from services.gateway.limits.rates import Rate
from services.gateway.limits.socket_limit import SocketLimit
from services.gateway.metrics import GatewayMetrics
from services.gateway.settings import GatewaySettings


class Limits:
    """The middlewares that limit calls. Rates are off while every caller is this machine's own user."""

    def __init__(self, settings: GatewaySettings, metrics: GatewayMetrics) -> None:
        choice = settings.rate_limits
        self._has_rates = choice == "on" or (choice == "auto" and settings.authentication_on)
        self._count = metrics.count_refusal
        self._sockets = settings.sockets_per_caller, settings.sockets_per_address
        storage = BoundedStorage()
        self._identities = Rate("identity", settings.identity_rate, storage)
        self._addresses = Rate("address", settings.address_rate, storage)
        self._failures = Rate("failures", settings.failed_rate, storage)
        self.slots = build_slots(settings.calls_at_once, settings.calls_waiting, settings.call_wait)
        for (mode, kind), slots in self.slots.items():
            metrics.in_work.labels(mode, kind).set_function(partial(_in_work, slots))
            metrics.waiting.labels(mode, kind).set_function(partial(_waiting, slots))

    def before_authentication(self, credential: Callable[[Scope], str]) -> list[Middleware]:
        """The limits of addresses. `credential` is what a request carries, empty without one."""
        limit = Middleware(
            AddressLimit,
            calls=self._addresses,
            failures=self._failures,
            credential=credential,
            count_refusal=self._count,
        )
        return [limit] if self._has_rates else []

    def after_authentication(self) -> list[Middleware]:
        """The limits of identities: of their calls, and of their open sockets, which holds without rates, too."""
        limit = Middleware(IdentityLimit, rate=self._identities, count_refusal=self._count)
        per_caller, per_address = self._sockets
        sockets = Middleware(SocketLimit, per_caller=per_caller, per_address=per_address, count_refusal=self._count)
        return [*([limit] if self._has_rates else []), sockets]

    def last(self) -> list[Middleware]:
        """The bound of calls in work."""
        return [Middleware(Admission, slots=self.slots, count_refusal=self._count)]


def _in_work(slots: CallSlots) -> float:
    return float(slots.in_work)


def _waiting(slots: CallSlots) -> float:
    return float(slots.waiting)
