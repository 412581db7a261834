"""`python -m services.deployer`."""

from services.deployer.app import build
from services.deployer.settings import DeployerSettings
from shared.bus import run_worker
from shared.settings import load

if __name__ == "__main__":
    settings = load(DeployerSettings)
    run_worker(build(settings), settings)
