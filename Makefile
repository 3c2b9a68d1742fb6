# Two commands are enough on a fresh machine: `make run` and `make test`. Each installs what it needs.

.DEFAULT_GOAL := help
.PHONY: help run test e2e check chaos bench gallery openapi lock clean

PYTEST := .venv/bin/python -m pytest

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the API, the worker and the database on 127.0.0.1:8000
	@scripts/bootstrap.sh
	@exec .venv/bin/dustreel serve

test: ## Run every test
	@scripts/bootstrap.sh dev
	@scripts/chromium.sh > /dev/null
	@$(PYTEST) --quiet -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

e2e: ## Run the end-to-end tests only
	@scripts/bootstrap.sh dev
	@$(PYTEST) tests/e2e

check: ## Lint, types, import rules, and whether the OpenAPI document is fresh
	@scripts/bootstrap.sh dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m dustreel.http.openapi --check contract/openapi.json

chaos: ## Kill the service at every message, restart it, audit it (an hour; ARGS="--minutes 5 --scenario text")
	@scripts/bootstrap.sh dev
	.venv/bin/python -m tests.chaos $(ARGS)

bench: ## Measure against the bare parts, side by side
	@scripts/bootstrap.sh dev
	.venv/bin/python -m bench.api_speed
	.venv/bin/python -m bench.render_speed
	.venv/bin/python -m bench.fire_speed
	.venv/bin/python -m bench.provider_speed
	.venv/bin/python -m bench.derive_speed
	.venv/bin/python -m bench.fetch_speed
	.venv/bin/python -m bench.storage_speed

gallery: ## Draw the sandbox's 24 prompts into gallery/, for somebody to look at (ARGS="--aspect 9:16 --only 1 5")
	@scripts/bootstrap.sh dev
	.venv/bin/python -m bench.gallery $(ARGS)

openapi: ## Write contract/openapi.json
	@scripts/bootstrap.sh dev
	.venv/bin/python -m dustreel.http.openapi contract/openapi.json

lock: ## Write the lock files afresh (make lock ARGS=--upgrade for newer versions)
	@scripts/bootstrap.sh dev
	scripts/lock.sh $(ARGS)

clean: ## Remove what was installed and cached; the data folder stays
	rm -rf .venv .tools .bootstrap.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
