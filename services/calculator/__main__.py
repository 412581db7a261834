"""Run the calculator: `python -m services.calculator`."""

import sys

from services.calculator.app import build
from services.calculator.settings import CalculatorSettings
from shared.bus import run_worker
from shared.catalog import CatalogInvalid
from shared.settings import load

if __name__ == "__main__":
    settings = load(CalculatorSettings)
    try:
        worker = build(settings)
    except CatalogInvalid as error:
        sys.exit(error.message)
    run_worker(worker, settings)
