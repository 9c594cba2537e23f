PYTHON ?= python3
export PYTHON
BIN := .venv/bin

.DEFAULT_GOAL := help

.PHONY: help
help: ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 16

.venv/.installed: pyproject.toml .ci/constraints.txt .ci/install
	@echo "making .venv (a few minutes the first time)" >&2
	@bash .ci/install

.PHONY: install demo test check studio-test bench clean
install: .venv/.installed ## the project in .venv

demo: .venv/.installed ## the whole loop on real images and a real Label Studio server (ARGS=--keep leaves it running)
	@$(BIN)/activessl demo --folder .demo $(ARGS)

test: .venv/.installed ## the default tests, under 3 minutes
	@$(BIN)/python -m pytest -q -n 2

check: .venv/.installed ## ruff, mypy, pyright, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pyright
	@$(BIN)/lint-imports

studio-test: .venv/.installed ## the tests against a real Label Studio server
	@where=$$($(BIN)/activessl studio install) && \
	ACTIVESSL_STUDIO_DIR=$$where $(BIN)/python -m pytest -q -m studio tests/studio tests/contracts

bench: .venv/.installed ## the measurements behind docs/results (hours; needs DATA=folder)
	@ACTIVESSL_DATA=$(DATA) $(BIN)/python -m tests.benchmarks $(ARGS)

clean: ## everything that can be made again
	rm -rf .venv .demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
