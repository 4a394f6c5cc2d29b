# What can be done here: `make help`.

ARGS :=
JOBS := 100
FAULTS := 1
SEED := 1
BENCH := photos

# The SAM CLI builds with the python3.13 on PATH, and would tell its makers of its use.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# uv trusts whom pip and git trust, and pip keeps its advice.
export UV_SYSTEM_CERTS := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos bench bench-photos bench-api bench-cost check lint types template openapi-check locks names lock openapi permissions build deploy clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready .venv-gates/ready ## Install everything the project needs, inside the project
	@requirements/chromium

demo: .venv/ready ## Turn the sample photos into avatars, all on this machine (ARGS: options of `avatars demo`)
	@.venv/bin/avatars demo samples --subject woman --style realistic:4 --style watercolor:4 --style anime:4 $(ARGS)

test: setup ## Run the tests (ARGS: options of pytest)
	@.venv/bin/pytest --numprocesses 2 $(ARGS)

chaos: .venv/ready ## Let faults strike many jobs and audit what becomes of them (JOBS, FAULTS each, SEED)
	@.venv/bin/python -m tests.chaos --jobs $(JOBS) --faults $(FAULTS) --seed $(SEED) $(ARGS)

bench: bench-$(BENCH) ## Measure the preparation of photos beside that of others (ARGS: your own), or BENCH=api, or BENCH=cost

bench-photos: .venv-bench/ready
	@PYTHONPATH=layers/core .venv-bench/bin/python -m benchmarks.photos $(ARGS)

bench-cost: .venv/ready
	@.venv/bin/python -m benchmarks.cost $(ARGS)

bench-api: .venv/ready
	@.venv/bin/python -m benchmarks.api $(ARGS)

check: setup ## Run the linters and gates: lint, types, template, openapi, locks, names
	@$(MAKE) --no-print-directory --keep-going lint types template openapi-check locks names

lint:
	.venv/bin/ruff check --quiet
	.venv/bin/ruff format --quiet --check

types:
	.venv/bin/mypy

template:
	.venv-gates/bin/sam validate --lint
	.venv-gates/bin/cfn-lint template.yaml

openapi-check:
	.venv/bin/python -m avatars.api.openapi docs --check

locks:
	requirements/compile --check

# Nobody's folders, and no address of a package index. (The brackets keep it from finding itself.)
names:
	git grep --untracked -nIE '/(hom[e]|roo[t]|tm[p]|User[s]|wor[k])/|pyp[i][./]|pythonhoste[d]'; test $$? -eq 1

lock: .venv/ready ## Compile the locks from pyproject.toml again (ARGS=--upgrade: to the newest versions)
	requirements/compile $(ARGS)

openapi: .venv/ready ## Write docs/openapi.json and docs/api.html, as the routes of the API say
	.venv/bin/python -m avatars.api.openapi docs

permissions: .venv/ready ## Write docs/permissions.md: what each role may do, and what uses it
	@PYTHONPATH=.:layers/core .venv/bin/python -m tests.template.report

build: setup ## Build what is deployed, for Lambda's Python and processor
	@command -v python3.13 >/dev/null || { echo "make build needs python3.13, Lambda's Python: install it (pyenv, uv python), make clean, and try again" >&2; exit 1; }
	.venv-gates/bin/sam build

deploy: build ## Deploy to an AWS account, asking for whatever it needs to know
	.venv-gates/bin/sam deploy --guided

clean: ## Remove everything that was installed, built or run here
	rm -rf .venv .venv-gates .venv-bench .aws-sam .local .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# uv takes seconds; pip may know the way to an index where uv does not (a mirror, a proxy).
define install # LOCK, ENVIRONMENT
	.venv/bin/uv pip sync --quiet --require-hashes --python $(2) $(1) || { \
		echo "uv could not, so pip does it, which takes a minute"; \
		$(2)/bin/python -m pip install --quiet --require-hashes --no-deps --requirement $(1); }
endef

.venv/ready: requirements/setup.txt requirements/dev.txt pyproject.toml
	@echo "Installing into .venv (half a minute at most)"
	@test -x .venv/bin/python || { python=$$(requirements/find-python) && "$$python" -m venv .venv; }
	@.venv/bin/python -m pip install --quiet --require-hashes --no-deps --requirement requirements/setup.txt
	@$(call install,requirements/dev.txt,.venv)
	@.venv/bin/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.venv-gates/ready: requirements/gates.txt .venv/ready
	@echo "Installing the SAM CLI and cfn-lint into .venv-gates (half a minute at most)"
	@test -x .venv-gates/bin/python || .venv/bin/python -m venv .venv-gates
	@$(call install,requirements/gates.txt,.venv-gates)
	@touch $@

.venv-bench/ready: requirements/bench.txt .venv/ready
	@echo "Installing what photos are compared with into .venv-bench (a minute at most)" >&2
	@test -x .venv-bench/bin/python || .venv/bin/python -m venv .venv-bench
	@$(call install,requirements/bench.txt,.venv-bench)
	@mkdir -p .venv-bench/sharp
	@command -v npm >/dev/null && npm install --silent --prefix .venv-bench/sharp --no-package-lock sharp@0.35.5 || rm -rf .venv-bench/sharp
	@touch $@
