# Everything runs from one virtual environment, made here from pinned packages.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PARTS  := sdk proxy collector dashboard

.PHONY: up setup test check fmt bench clean

up: $(STAMP)            ## collector, proxy and dashboard under one supervisor
	@$(BIN)/tollkeeper up $(ARGS)

setup: $(STAMP)

$(STAMP): constraints.txt pyproject.toml $(PARTS:%=%/pyproject.toml)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt \
	  $(foreach part,$(PARTS),-e ./$(part)) --group dev
	@touch $@

.PHONY: servers
servers: $(STAMP)       ## what tests need and no wheel brings: redis-server, chromium, nginx, wrk
	@bash tests/servers.sh

test: $(STAMP) servers  ## the whole suite, in parallel
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

check: $(STAMP)         ## lint, format, types, import contracts, cycles
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/layout

fmt: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) servers ## ratios to nginx and to the direct call, as a table
	$(BIN)/python -m tests.benchmarks $(ARGS)

clean:
	rm -rf $(VENV)
