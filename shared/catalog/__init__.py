"""The catalogue: what services need and carry, what GPUs, cores and storage cost, what the presets are.

Data in YAML, beside this module, read once and validated when it is; each figure names its source and how
far it can be trusted. It holds facts only: what follows from them is the calculator's. `CATALOG_PATH` names
a directory whose files take the place of those here, file by file.
"""

from shared.catalog.figures import Confidence, Figure
from shared.catalog.hardware import Gpu, Mig, Prices, Purchase
from shared.catalog.loading import CatalogInvalid, load_catalog
from shared.catalog.model import Catalog, Preset, Quality
from shared.catalog.services import Ask, CatalogService, Discipline, Replica

__all__ = [
    "Ask",
    "Catalog",
    "CatalogInvalid",
    "CatalogService",
    "Confidence",
    "Discipline",
    "Figure",
    "Gpu",
    "Mig",
    "Preset",
    "Prices",
    "Purchase",
    "Quality",
    "Replica",
    "load_catalog",
]
