# `make demo` and `make test` set everything up in .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test chromium lint format bench notebooks paper slow clean

demo: $(READY)
	$(BIN)/unlearnable demo -o demo

# one thread each: the networks are tiny
test: lint chromium
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# the browser tests drive it; without it they say which line to run, and are skipped
chromium:
	@command -v chromium > /dev/null || \
	{ test "$$(id -u)" = 0 && command -v apt-get > /dev/null && apt-get update -qq && apt-get install -y -qq chromium; } || \
	echo "Chromium is not here, so the browser tests are skipped: apt-get install -y chromium"

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks

notebooks: $(READY)
	$(BIN)/python -m experiments.notebooks

paper: $(READY)
	$(BIN)/python -m experiments.paper
	$(BIN)/unlearnable bench leaderboard
	$(BIN)/unlearnable bench choose
	$(BIN)/python -m experiments.tables
	$(BIN)/python -m experiments.readme

slow: $(READY)
	$(BIN)/pytest -m slow

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch first, so that its build can be chosen: on Linux the registry's has several GB of CUDA libraries
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable ".[dev,app,c2pa,demo,heic,jpeg,pretrained]"
	touch $(READY)
