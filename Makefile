# Two doors: `make demo` and `make test`. Both need Python 3.11 and make, nothing else.
# uv installs faster and is used where it is; it is pointed at the same local wheels as pip.
# PyTorch comes first and pinned, so that a local CPU build wins over gigabytes for a GPU.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

UV := $(shell command -v uv 2>/dev/null)
ifdef UV
  CREATE = uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
  INSTALL = VIRTUAL_ENV=$(CURDIR)/$(VENV) uv pip install --quiet
else
  CREATE = $(PYTHON) -m venv $(VENV)
  INSTALL = $(BIN)/python -m pip install --quiet
endif

.PHONY: demo test lint check docs bench clean

demo: $(VENV)/.demo
	$(BIN)/cellaxes demo --out demo

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

docs: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -E -a -j 2 docs docs/_build/html

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py ../shared/data

$(VENV)/.demo: pyproject.toml constraints.txt
	$(CREATE)
	$(INSTALL) --constraint constraints.txt torch
	$(INSTALL) --constraint constraints.txt --editable '.[demo]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	$(CREATE)
	$(INSTALL) --constraint constraints.txt torch
	$(INSTALL) --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/.demo

clean:
	rm -rf .venv .venv-* benchmark_results demo docs/_build docs/api
