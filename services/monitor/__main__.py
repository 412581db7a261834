"""Run the monitor: `python -m services.monitor`."""

from services.monitor.app import build
from services.monitor.settings import MonitorSettings
from shared.bus import run_worker
from shared.settings import load

if __name__ == "__main__":
    settings = load(MonitorSettings)
    run_worker(build(settings), settings)
