# The targets for developers; CI runs the same ones.

.DEFAULT_GOAL := help
.PHONY: help run up down test test-unit test-fuzz test-long test-containers coverage check format bench audit dlq env docs update-golden install clean clean-all

PYTHON_IN_VENV := .venv/bin/python
# The tests and `make run` start many processes, and each would compile all that it imports again (2 s of CPU for the gateway).
unexport PYTHONDONTWRITEBYTECODE
# Whether the virtual environment is current. Compares contents, because a checkout changes the dates of files.
INSTALLED := { pwd; cat requirements.lock pyproject.toml; } | cksum 2>/dev/null | cmp -s - .venv/installed 2>/dev/null && $(PYTHON_IN_VENV) -c ''

## Start everything on this machine and deploy the AI call centre; SCALE="calculator=3 manifest=2" runs more workers
run: install
	@exec $(PYTHON_IN_VENV) -I -S embedded/launch.py -- $(abspath $(PYTHON_IN_VENV)) -m embedded run

## Start everything in containers (compose.yaml); PROFILE=observability, TLS=on, ARGS="--scale calculator=4" for more
up:
	@PROFILE="$(PROFILE)" TLS="$(TLS)" deploy/compose/up.sh up $(ARGS)

## Stop what `make up` started; the data stays, unless ARGS=--volumes
down:
	@deploy/compose/up.sh down $(ARGS)

# Each worker imports what it collects, even if it runs none of it.
OTHER_TARGETS := --ignore=tests/containers --ignore=tests/fuzzing

## Run every test on real NATS and PostgreSQL (about 14 minutes); ARGS="-k name" for some of them
test: install
	@$(PYTHON_IN_VENV) -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(OTHER_TARGETS) $(ARGS)

## Run the unit tests that are quick, with few examples of each property (about 40 s)
test-unit: install
	@HYPOTHESIS_PROFILE=quick $(PYTHON_IN_VENV) -m pytest -q -n 2 --dist worksteal -m "not slow and not long" tests/unit $(ARGS)

## Send gateway and simulator 2,000 cases from their OpenAPI documents in each mode
test-fuzz: install
	@$(PYTHON_IN_VENV) -m pytest -n 2 --dist worksteal -m fuzz tests/fuzzing $(ARGS)

## Run the tests that take longer
test-long: install
	@$(PYTHON_IN_VENV) -m pytest -m long --timeout 1800 $(ARGS)

## Test the images, Compose, and NATS and PostgreSQL in containers; skips them with a message without Docker
test-containers: TESTS ?= tests/containers tests/integration
test-containers: install
	@ECP_TEST_SERVERS=containers $(PYTHON_IN_VENV) -m pytest $(TESTS) -m "not long" $(ARGS)

## Measure which branches of the simulator and the deployer the unit tests reach; fails below 90 % of either
coverage: install
	@$(PYTHON_IN_VENV) -m coverage run -m pytest -q tests/unit/simulator tests/unit/deployer $(ARGS)
	@status=0; for each in simulator deployer; do \
		$(PYTHON_IN_VENV) -m coverage report --include="services/$$each/*" || status=1; done; exit $$status

## Check style, types and layers: ruff, mypy, import-linter
check: install
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .
	@$(PYTHON_IN_VENV) -m mypy
	@.venv/bin/lint-imports

## Format the code
format: install
	@$(PYTHON_IN_VENV) -m ruff check --fix .
	@$(PYTHON_IN_VENV) -m ruff format .

## Run the benchmarks, each compared with a peer or a limit, and write docs/performance.md; ARGS="scaling bus" for some
bench: install
	@$(PYTHON_IN_VENV) -m tools.benches $(ARGS)

## Ask the package index for known vulnerabilities of the locked packages
audit: install
	@$(PYTHON_IN_VENV) -m tools.vulnerabilities

## List the dead letters; ARGS="replay 3 --demo" replays one
dlq: install
	@$(PYTHON_IN_VENV) -m embedded dlq $(or $(ARGS),list)

## Print the addresses of `make run` as shell variables; ARGS=--passwords prints the passwords too
env: install
	@$(PYTHON_IN_VENV) -m embedded env $(ARGS)

## Generate files from the code: pages in docs/, the images' lock files, the accounts of NATS, the permissions in Kubernetes
docs: install
	@$(PYTHON_IN_VENV) -m shared.asyncapi
	@$(PYTHON_IN_VENV) -m tools.openapi_documents
	@$(PYTHON_IN_VENV) -m tools.settings_page
	@$(PYTHON_IN_VENV) -m tools.access_page
	@$(PYTHON_IN_VENV) -m tools.locks
	@$(PYTHON_IN_VENV) -m tools.nats_accounts
	@$(PYTHON_IN_VENV) -m tools.kubernetes_rbac

## Update the golden files from the rendered manifests
update-golden: install
	@UPDATE_GOLDEN=1 $(PYTHON_IN_VENV) -m pytest -q tests/unit/manifest/test_golden.py

## Create .venv and install the locked dependencies; other targets do so automatically
install:
	@$(INSTALLED) || sh embedded/install.sh

## Remove the data of `make run` (ECP_DATA_DIR, else .ecp) and all caches
clean:
	@! test -x $(PYTHON_IN_VENV) || $(PYTHON_IN_VENV) -m embedded clean
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

## Remove the virtual environment as well
clean-all: clean
	@rm -rf .venv

## Print this
help:
	@awk '/^## / { text = substr($$0, 4) } /^[a-z-]+:/ && text { split($$1, name, ":"); printf "  make %-16s %s\n", name[1], text; text = "" }' $(MAKEFILE_LIST)
