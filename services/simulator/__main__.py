"""`python -m services.simulator`."""

import sys

from services.simulator.app import serve
from services.simulator.settings import SimulatorSettings
from shared.errors import PermanentError
from shared.process.serving import run_process
from shared.settings import load

if __name__ == "__main__":
    settings = load(SimulatorSettings)
    try:
        run_process("simulator", settings.log_level, lambda: serve(settings))
    except PermanentError as error:
        sys.exit(error.message)
