"""`python -m services.simulator`."""

import asyncio
import sys

from services.simulator.app import serve
from services.simulator.settings import SimulatorSettings
from shared.logging import configure_logging
from shared.settings import load

if __name__ == "__main__":
    settings = load(SimulatorSettings)
    configure_logging("simulator", settings.log_level)
    sys.exit(asyncio.run(serve(settings)))
