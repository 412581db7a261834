"""HTTP: middlewares, errors, languages, shared parameters of routes; `/health`, `/ready` and `/metrics`."""
