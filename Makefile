.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Where the shared test data is; tests that need it say so when it is absent.
export TOCSIN_DATA ?= $(abspath ../shared/data)

.PHONY: help setup demo check test bench soak docs clean

help:  ## List the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## Make .venv with the tocsin command in it

$(READY): constraints.txt pyproject.toml sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tocsin needs Python 3.11 or later; hint: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else echo "Python's venv module is missing; hint: sudo apt-get install python3-venv"; exit 1; fi; }
	@echo "Setting up $(VENV), about a minute the first time ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . -e sdk
	@touch $@

demo: $(READY)  ## Run the lab: attack, alert, notification, evidence (two minutes)
	@$(BIN)/tocsin demo

check: $(READY)  ## Lint, types, import layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Many tests wait for a daemon: four at a time keep two cores at work. Hundreds of interpreters
# start, so what they import is compiled once, also where PYTHONDONTWRITEBYTECODE is set.
test: $(READY)  ## Run the tests
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 4 --dist worksteal -q

bench: $(READY)  ## Measure speeds beside their peers and print the ratios
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m bench

soak: $(READY)  ## The long campaigns: random kills, generated rule files, every byte of sealed days
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q --soak tests/engine/test_kill.py tests/rules/test_against_promtool.py \
	  tests/seal/test_attacks.py tests/seal/test_kill.py tests/seal/test_removed_days.py tests/evidence/test_seeded_faults.py \
	  tests/engine/test_logs.py tests/engine/test_log_daemon.py tests/engine/test_live_correlations.py \
	  tests/engine/test_correlation_daemon.py tests/source/test_tail_property.py \
	  tests/alerting

docs: $(READY)  ## Write the generated reference pages anew
	@$(BIN)/python -m tests.docs

clean:  ## Remove what setup made
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
