# Everything a person does with a checkout. `make` alone lists it.
#
# The environment is .venv; deploy/local/install.py makes it and installs what the
# requirements files pin, again only when those changed.

SHELL := /bin/sh
# The first that runs and is new enough: a version manager's stand-in may be found and not run.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$p -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo $$p && exit; done; echo python3)
VENV := .venv/bin
ARGS ?=
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help up test check format bench install install-dev clean

help:  ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  up takes PORT=8000 DATA=.data LLM=local|none|<base URL> DEMO=0 HOST=127.0.0.1; test takes ARGS=…'

# PORT, DATA, LLM and DEMO reach the program through the environment, wherever they were
# set. HOST counts on make's command line only: some shells export it with another meaning.
up: export HOST := $(if $(findstring command,$(origin HOST)),$(HOST))
up: install  ## set up and run everything on this machine, until Ctrl-C
	@exec $(VENV)/python -m deploy.local up

test: install-dev  ## run all tests on throw-away servers
	@$(VENV)/python -m pytest -p tests.servers -n $(TEST_PROCESSES) --dist loadgroup $(ARGS)

check: export SECRET_KEY := for-checks-only
check: install-dev  ## lint, types, import rules, migrations, system checks
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/python -m tests.servers $(VENV)/python manage.py makemigrations --check --dry-run
	$(VENV)/python manage.py check

format: install-dev  ## put the code into its usual form
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

bench: install-dev  ## measure
	$(VENV)/python -m benchmarks $(ARGS)

install:
	@$(PYTHON) deploy/local/install.py

install-dev:
	@$(PYTHON) deploy/local/install.py --dev

clean:  ## remove the environment and what tools left; the data stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
