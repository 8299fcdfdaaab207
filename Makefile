.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR ?= .advisory_perf

.PHONY: help setup setup-dev demo dev test test-fast lint types contracts check bench docs clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/advisory-perf: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(BIN)/advisory-perf
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

setup: $(BIN)/advisory-perf ## the virtual environment with the command in it

setup-dev: $(VENV)/.dev ## the same with what tests and linters need

demo: setup ## four vendors' deliveries, from file to warehouse, in a fresh home
	$(BIN)/advisory-perf --home $(HOME_DIR) demo

dev: setup ## the whole platform on this machine: UI, daemon, sensors
	$(BIN)/advisory-perf --home $(HOME_DIR) dev

test: setup-dev ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: setup-dev ## the tests that run no whole installation
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

lint: setup-dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev ## mypy, strict
	$(BIN)/mypy

contracts: setup-dev ## who may import whom
	$(BIN)/lint-imports

check: lint types contracts ## everything but the tests

bench: setup-dev ## 1 M rows from file to reconciled beside a bare COPY; linking beside NumPy and pandas
	$(BIN)/python -m bench
	$(BIN)/python -m bench.linking

docs: setup-dev ## draws the pictures that the code makes itself
	$(BIN)/python docs/returns_by_timing.py

clean: ## removes the virtual environment and the local home
	rm -rf $(VENV) $(HOME_DIR)
