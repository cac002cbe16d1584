# LiveTranslate: `make run` and open http://localhost:3000; `make test` before a change goes in.
# Everything is installed into .venv and web/node_modules; see scripts/ for how.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test test-slow chaos soak check format bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install all that running takes, and build the web app
	@scripts/setup-python.sh base
	@scripts/setup-system.sh
	@scripts/setup-node.sh
	@scripts/setup-web.sh

setup-dev: ## The same, and all that the tests take
	@scripts/setup-python.sh dev
	@scripts/setup-system.sh
	@scripts/setup-node.sh
	@scripts/setup-web.sh

run: setup ## Set everything up and start the platform on http://localhost:3000 (ARGS="--port 8080")
	@exec .venv/bin/livetranslate up $(ARGS)

test: setup-dev ## Set everything up and pass every test (PARALLEL=2: so many files at once)
	@scripts/check.sh
	@.venv/bin/python -m pytest -n $(or $(PARALLEL),2) --dist loadfile --no-loadscope-reorder

test-slow: setup-dev ## Also the long tests, and those that want the recordings beside the checkout
	@.venv/bin/python -m pytest -m 'slow or shared' --ignore tests/acceptance/test_survival_chaos.py

chaos: setup-dev ## Kill and freeze parts at random under live sessions (DURATION=1800 SESSIONS=20 SEED=1)
	@CHAOS_S=$(or $(DURATION),1800) CHAOS_SESSIONS=$(or $(SESSIONS),20) CHAOS_SEED=$(or $(SEED),1) \
		.venv/bin/python -m pytest -s -m slow tests/acceptance/test_survival_chaos.py -k random

soak: setup-dev ## Hours of live sessions; nothing may grow (DURATION=14400 SESSIONS=10)
	@SOAK_S=$(or $(DURATION),14400) SOAK_SESSIONS=$(or $(SESSIONS),10) \
		.venv/bin/python -m pytest -s -m slow tests/acceptance/test_survival_chaos.py -k grows

check: setup-dev ## Style, import rules and types only
	@scripts/check.sh

format: setup-dev ## Put all Python files in the project's style
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format .

bench: setup-dev ## Run a benchmark: make bench NAME=wer ARGS="--json"
	@.venv/bin/livetranslate bench $(NAME) $(ARGS)

lock: setup-dev ## Compile requirements/*.txt from pyproject.toml (ARGS=--upgrade renews the versions)
	@scripts/lock.sh $(ARGS)

clean: ## Remove what the other targets made
	@rm -rf .venv web/node_modules web/dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
