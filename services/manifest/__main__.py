"""Run the manifest service: `python -m services.manifest`."""

import sys

from services.manifest.app import build
from services.manifest.settings import ManifestSettings
from shared.bus import run_worker
from shared.catalog import CatalogInvalid
from shared.settings import load

if __name__ == "__main__":
    settings = load(ManifestSettings)
    try:
        worker = build(settings)
    except CatalogInvalid as error:
        sys.exit(error.message)
    run_worker(worker, settings)
