# Everything a newcomer needs: `make demo` shows the main job, `make test` proves it. Only Python 3.11+ and make are
# presumed; whatever set-up says goes to stderr, so that stdout carries results alone.

VENV := .venv
GENERATORS := .generators
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links
LOCK := $(COMPILE) pyproject.toml --group build --extra simulators
LOCK_BUNDLE := $(LOCK) --extra cluster --extra pkcs11 --extra otlp
LOCK_MUTANTS := $(COMPILE) --group mutants
LOCK_DOCS := $(COMPILE) --group docs

PYTHONS := python3.13 python3.12 python3.11 python3
DEMO_ARGS ?=
TEST_ARGS ?=
TORTURE_ARGS ?=
YEARS_ARGS ?=
BUNDLE_ARGS ?=
NEWCOMER_ARGS ?=
MUTANTS ?=
MACHINE ?= 50 30
ROOMS ?= tests/unit
# One worker more than there are cores, since many tests wait for a process or a lease: two more take longer in all.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )))

# What was compiled once is kept, also where the environment says otherwise: tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test coverage nightly mutants torture bench years publication-year lint fmt snapshots lock docs generators newcomer bundle container release chromium90 firefox clean

# A virtual environment is bound to its folder and its Python: after either has moved it is made anew.
ifneq ($(shell cat $(VENV)/.made 2>/dev/null),$(CURDIR))
$(shell rm -f $(VENV)/.made)
else ifneq ($(shell $(BIN)/python -c 'print("runs")' 2>/dev/null),runs)
$(shell rm -f $(VENV)/.made)
endif

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1 \2/p' $(firstword $(MAKEFILE_LIST)) | \
		while read -r target does; do printf '  make %-17s %s\n' "$$target" "$$does"; done

demo: $(VENV)/.ready-demo ## the main job from end to end on loopback; DEMO_ARGS=--json or --keep
	@$(BIN)/gateway demo $(DEMO_ARGS)

test: $(VENV)/.ready-test ## every promise, with layers, types and style; TEST_ARGS go to pytest
	@$(BIN)/python -m compileall -q -j 0 gateway simulators contracts  # once, instead of once in each worker
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal $(TEST_ARGS)

coverage: $(VENV)/.ready-test ## how much of the gateway the tests run, by file; TEST_ARGS go to pytest
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal $(TEST_ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

nightly: export GATEWAY_TEST_WHOLE := 1
nightly: $(VENV)/.ready-docs $(GENERATORS)/.ready ## what takes too long for every change: every case, long runs, rooms on PostgreSQL, changed lines
	@$(MAKE) test
	@GATEWAY_TEST_MACHINE="$(MACHINE)" $(BIN)/python -m pytest tests/unit/delivery/test_state_machine.py
	@GATEWAY_TEST_TIMES=20 $(BIN)/python -m pytest tests/journeys/test_at_one_instant.py tests/unit/store/test_several_nodes.py \
		tests/unit/decisions/test_two_nodes.py tests/torture tests/unit/rotation/test_nodes_on_one_token.py
	@GATEWAY_TEST_DATABASE=postgresql $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal -k "not sqlite" $(ROOMS)
	@$(MAKE) publication-year
	@bundle=$$($(BIN)/python packaging/bundle.py --machine "$$(uname -m)") && sh packaging/try_bundle.sh "$$bundle" && \
		python3 tests/newcomer.py --bundle "$$bundle"
	@$(MAKE) newcomer
	@$(MAKE) mutants

mutants: export GATEWAY_TEST_WHOLE := 1
mutants: $(VENV)/.ready-mutants ## change lines that money and law hang on, and see whether tests notice; MUTANTS narrows it
	@$(BIN)/python tests/mutants/mutants.py $(MUTANTS)

torture: $(VENV)/.ready-test ## kill -9 at random under load, on both engines: nothing lost, nothing twice; TORTURE_ARGS
	@for engine in embedded cluster; do \
		$(BIN)/python tests/torture/torture.py --engine $$engine --kills 200 --seconds 1500 $(TORTURE_ARGS) || exit 1; done

bench: $(VENV)/.ready-test ## measure what tests/benchmarks holds, one after another, and say what changed since last time
	@for bench in tests/benchmarks/bench_*.py; do echo "== $$bench" && $(BIN)/python $$bench || exit 1; done

chromium90: $(VENV)/.ready-test ## fetch the browser of offices by npm, for the journey that `make nightly` runs in it
	@$(BIN)/python tests/browser/fetch_chromium_90.py

firefox: $(VENV)/.ready-test ## fetch Firefox ESR by apt without installing it, for the journey that `make nightly` runs in it
	@$(BIN)/python tests/browser/fetch_firefox_esr.py

years: $(VENV)/.ready-test ## ten years of a city, one payment in ten, and what grows; YEARS_ARGS="--scale 200 --years 5"
	@$(BIN)/python tests/benchmarks/years.py $(YEARS_ARGS)

publication-year: $(VENV)/.ready-test ## a year of publication, 20,000 decisions over changes of law and outages; YEAR_ARGS="--decisions 500"
	@$(BIN)/python tests/benchmarks/publication_year.py $(YEAR_ARGS)

lint: $(VENV)/.ready-test ## style, types and the directions between rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/house/test_layers.py -k every_import

fmt: $(VENV)/.ready-test ## put the code into the house style
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

snapshots: $(VENV)/.ready-test ## write down again what others see: API, events, states, problems, settings, commands
	@$(BIN)/python tests/snapshots/collect.py

lock: $(VENV)/.made ## resolve the dependencies again; the locks hold hashes and no registry address
	@$(PIP) install uv >&2
	@$(BIN)/$(LOCK) --upgrade --output-file requirements.lock
	@$(BIN)/$(LOCK) --upgrade --extra test --constraint requirements.lock --output-file requirements-dev.lock
	@$(BIN)/$(LOCK_BUNDLE) --upgrade --constraint requirements-dev.lock --output-file requirements-bundle.lock
	@$(BIN)/$(LOCK_MUTANTS) --upgrade --constraint requirements-dev.lock --output-file requirements-mutants.lock
	@$(BIN)/$(LOCK_DOCS) --upgrade --constraint requirements-dev.lock --output-file requirements-docs.lock

docs: $(VENV)/.ready-docs ## the documentation as pages that need no network, into dist/docs; open index.html
	@$(BIN)/python packaging/site/build.py

generators: $(GENERATORS)/.ready ## what lints /openapi.json and generates clients from it, for the nightly tests; needs npm

$(GENERATORS)/.ready: $(VENV)/.made tests/generators/requirements.lock tests/generators/package-lock.json
	@$(BIN)/python -m venv --clear $(GENERATORS)
	@$(GENERATORS)/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r tests/generators/requirements.lock
	@cp tests/generators/package.json tests/generators/package-lock.json $(GENERATORS)
	@cd $(GENERATORS) && npm ci --no-audit --no-fund --silent
	@touch $@

newcomer: ## a newcomer's hour as the pages say, in minutes a step; NEWCOMER_ARGS="--bundle FILE" begins with the bundle
	@python3 tests/newcomer.py $(NEWCOMER_ARGS)

bundle: $(VENV)/.ready-docs ## one archive to install from without a network, into dist/; BUNDLE_ARGS="--machine x86_64"
	@$(BIN)/python packaging/bundle.py $(BUNDLE_ARGS)

container: $(VENV)/.ready-test ## build the image on a bare Debian and pay a fine in it, after make bundle; as root
	@$(BIN)/python packaging/container/try.py

release: $(VENV)/.ready-docs ## what a release would do; with YES=1 it is done here: make release VERSION=0.1.0
	@$(BIN)/python packaging/release.py "$(VERSION)" $(if $(YES),--yes)

clean: ## remove the environment and every cache
	@rm -rf $(VENV) $(GENERATORS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* build dist mutants
	@find gateway simulators contracts tests examples -name __pycache__ -prune -exec rm -rf {} +

# --- set-up: each step leaves a stamp, so that the next run starts at once ------------------------------------------

$(VENV)/.made:
	@for python in $(PYTHON) $(PYTHONS); do \
		if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$($$python --version)" >&2; \
			$$python -m venv --clear $(VENV) >&2 && echo "$(CURDIR)" > $@ && exit 0; \
			exit 1; \
		fi; \
	done; \
	echo "No usable Python found. Needed: Python 3.11 or newer with its venv module (on Debian and Ubuntu:" >&2; \
	echo "apt-get install python3 python3-venv). Tried: $(PYTHON) $(PYTHONS). Another one: make PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/.ready-demo: $(VENV)/.made requirements.lock pyproject.toml
	@echo "Installing locked dependencies (first run only)" >&2
	@$(PIP) install --require-hashes -r requirements.lock >&2
	@$(PIP) install --no-deps --no-build-isolation -e . >&2
	@touch $@

$(VENV)/.ready-test: $(VENV)/.made requirements-dev.lock pyproject.toml
	@echo "Installing locked dependencies with the tools for tests (first run only)" >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock >&2
	@$(PIP) install --no-deps --no-build-isolation -e . >&2
	@touch $@ $(VENV)/.ready-demo

$(VENV)/.ready-docs: $(VENV)/.ready-test requirements-docs.lock
	@echo "Installing the tool that makes pages of the documentation (first run only)" >&2
	@$(PIP) install --require-hashes -r requirements-docs.lock >&2
	@touch $@

$(VENV)/.ready-mutants: $(VENV)/.ready-test requirements-mutants.lock
	@echo "Installing the tool that changes lines (first run only)" >&2
	@$(PIP) install --require-hashes -r requirements-mutants.lock >&2
	@touch $@
