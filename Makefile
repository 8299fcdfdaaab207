.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR ?= .advisory_perf
PIP := $(BIN)/python -m pip
QUIET := --quiet --disable-pip-version-check
LOCKS := requirements-build-locked.txt requirements-locked.txt requirements-embedded-locked.txt
LOCKING := --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
TOOLS := .tools
SITE_TOOLS := .tools-site

.PHONY: help setup setup-dev demo dev test test-fast lint types contracts check bench mutants docs site clean lock audit sbom image

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/advisory-perf: $(LOCKS) pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(QUIET) --require-hashes $(foreach lock,$(LOCKS),--requirement $(lock))
	$(PIP) install $(QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(BIN)/advisory-perf
	$(PIP) install $(QUIET) --requirement requirements-dev.txt
	@touch $@

setup: $(BIN)/advisory-perf ## the virtual environment with the command in it

setup-dev: $(VENV)/.dev ## the same with what tests and linters need

demo: setup ## four vendors' deliveries, from file to warehouse, in a fresh home
	$(BIN)/advisory-perf --home $(HOME_DIR) demo

dev: setup ## the whole platform on this machine: UI, daemon, sensors
	$(BIN)/advisory-perf --home $(HOME_DIR) dev

test test-fast: export PYTHONDONTWRITEBYTECODE = # what is compiled once serves all that the tests start

test: setup-dev ## all tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-fast: setup-dev ## the tests that need no store and no process of their own
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not table" --hypothesis-profile few

lint: setup-dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev ## mypy, strict
	$(BIN)/mypy

contracts: setup-dev ## who may import whom
	$(BIN)/lint-imports

check: lint types contracts ## everything but the tests

bench: setup-dev ## 1 M rows from file to reconciled beside a bare COPY; linking beside NumPy and pandas; detection by size; statistics beside reading; the API beside its SQL
	$(BIN)/python -m bench
	$(BIN)/python -m bench.linking
	$(BIN)/python -m bench.detection
	$(BIN)/python -m bench.statistics
	$(BIN)/python -m bench.serving

mutants: $(TOOLS)/bin/cosmic-ray setup-dev ## how many of 300 faults in the pure rooms their fast tests notice
	$(TOOLS)/bin/python -m advisory_perf_tests.mutants --python $(BIN)/python $(ARGUMENTS)

docs: setup-dev ## draws the pictures that the code makes itself
	$(BIN)/python docs/returns_by_timing.py
	$(BIN)/python -W ignore -m advisory_perf_tests.api.calls

$(SITE_TOOLS)/bin/mkdocs: requirements-docs.txt
	$(PYTHON) -m venv $(SITE_TOOLS)
	$(SITE_TOOLS)/bin/python -m pip install $(QUIET) --requirement requirements-docs.txt
	@touch $@

# without --quiet, under which --strict counts no warning
site: $(SITE_TOOLS)/bin/mkdocs setup ## the documentation as a site, in build/site; every warning is an error
	$(BIN)/python docs/reference.py
	NO_MKDOCS_2_WARNING=1 $(SITE_TOOLS)/bin/mkdocs build --strict

$(TOOLS)/bin/%:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install $(QUIET) cosmic-ray==8.7.0 cyclonedx-bom==7.5.0 pip_audit==2.10.1 uv==0.13.9

lock: $(TOOLS)/bin/uv ## writes the locks anew from requirements*.txt; versions that still fit stay (needs the network)
	$(TOOLS)/bin/uv pip compile requirements-build.txt $(LOCKING) --output-file requirements-build-locked.txt
	$(TOOLS)/bin/uv pip compile requirements.txt $(LOCKING) --output-file requirements-locked.txt
	$(TOOLS)/bin/uv pip compile requirements-embedded.txt --constraint requirements-locked.txt $(LOCKING) --output-file requirements-embedded-locked.txt

audit: $(TOOLS)/bin/pip-audit ## known vulnerabilities of what is locked (needs the network)
	$(TOOLS)/bin/pip-audit --strict --require-hashes --disable-pip $(foreach lock,$(LOCKS),--requirement $(lock))

sbom: $(TOOLS)/bin/cyclonedx-py ## sbom.json, CycloneDX, of what is in the image
	$(TOOLS)/bin/cyclonedx-py requirements requirements-locked.txt --pyproject pyproject.toml --output-reproducible --output-file sbom.json

image: ## the image; BASE_IMAGE=…@sha256:… has to name its base by digest
	@case "$(BASE_IMAGE)" in *@sha256:????????????????????????????????????????????????????????????????) ;; \
	*) echo "BASE_IMAGE has no digest; give BASE_IMAGE=docker.io/library/python:3.11-slim@sha256:… as the registry shows it" >&2; exit 1 ;; esac
	docker build --build-arg BASE_IMAGE=$(BASE_IMAGE) --tag advisory_perf .

clean: ## removes the virtual environment and the local home
	rm -rf $(VENV) $(TOOLS) $(SITE_TOOLS) $(HOME_DIR)
