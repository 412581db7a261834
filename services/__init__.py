"""The six services. They never import each other: what two of them need is in `shared`."""

import gc
import sys

# While `python -m services.<name>` looks for its module, argv is "-m", so these are the imports of a starting service:
# without garbage collection they take 14 % less CPU (12.5 -> 10.8 s for all six). `shared.process.serving` enables it
# again. The price: a service that didn't start by `run_process` would never collect its garbage.
if sys.argv[0] == "-m":
    from shared.process.lean_imports import import_lean

    gc.disable()
    import_lean()
