"""Wiring: settings and catalogue -> handlers."""

from functools import partial

from services.calculator.handlers import advise, calculate, size_deployment, size_tenant
from services.calculator.settings import CalculatorSettings
from services.calculator.sizing.planning import SizingOptions
from services.calculator.sizing.sizer import Sizer
from shared.bus import SMALL_BATCH, Worker
from shared.catalog import Catalog, load_catalog
from shared.rpc import CalculateRequest, RecommendRequest
from shared.subjects import CALCULATOR_SIZES_DEPLOYMENTS, CALCULATOR_SIZES_TENANTS, Rpc


def build(settings: CalculatorSettings, catalog: Catalog | None = None) -> Worker:
    """Wire the calculator. Raises CatalogInvalid."""
    catalog = catalog or load_catalog()
    sizer = Sizer(catalog, SizingOptions(krw_per_usd=settings.krw_per_usd))
    worker = Worker("calculator", settings)
    worker.on(CALCULATOR_SIZES_TENANTS, partial(size_tenant, sizer=sizer), batch=SMALL_BATCH)
    worker.on(CALCULATOR_SIZES_DEPLOYMENTS, partial(size_deployment, sizer=sizer), batch=SMALL_BATCH)
    worker.answer(Rpc.CALCULATE, CalculateRequest, partial(calculate, sizer=sizer))
    worker.answer(Rpc.RECOMMEND, RecommendRequest, partial(advise, catalog=catalog))
    return worker
