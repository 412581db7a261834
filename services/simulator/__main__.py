"""`python -m services.simulator`."""

from services.simulator.app import serve
from services.simulator.settings import SimulatorSettings
from shared.process.serving import run_process
from shared.settings import load

if __name__ == "__main__":
    settings = load(SimulatorSettings)
    run_process("simulator", settings.log_level, lambda: serve(settings))
