# Everything here works on a fresh machine with Python 3.11 or newer and a way to PyPI.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN = $(VENV)/bin
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test lint docs

demo: $(VENV)/.installed  ## set up, run Spatial-MSMA and the trivial baselines on the phantom, print the table
	$(BIN)/bench run --method spatial-msma --method zscore --method highpass --method random
	$(BIN)/bench leaderboard --paper

test: $(VENV)/.installed-test  ## set up and run the tests; PYTEST=--cov adds the coverage
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto $(PYTEST)

lint: $(VENV)/.installed-test  ## style and types, of the tests and benchmarks, too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs  ## build the docs site into site/; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) .
	touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[test]'
	touch $@

$(VENV)/.installed-docs: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[docs]'
	touch $@
