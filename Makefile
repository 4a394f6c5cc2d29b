# What can be done here: `make help`.

ARGS :=
JOBS := 100
FAULTS := 1
SEED := 1
BENCH := all
BENCHMARKS := photos api cost copying job polling cold memory
PROVIDER :=
LIVE :=
SPEND :=

# The SAM CLI builds with the python3.13 on PATH, and would tell its makers of its use.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# uv trusts whom pip and git trust, and pip keeps its advice.
export UV_SYSTEM_CERTS := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Set in many images of containers; each of the many processes here would compile all it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test provider-check chaos bench bench-all $(addprefix bench-,$(BENCHMARKS)) check lint types template openapi-check workflows locks names \
	expanded cfn-lint checkov cdk-nag parliament statelint secrets-check secrets check-gates sbom lock openapi permissions build deploy teardown clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready .venv-gates/ready ## Install everything the project needs, inside the project
	@requirements/chromium

demo: .venv/ready ## Turn the sample photos into avatars, all on this machine (ARGS: options of `avatars demo`)
	@.venv/bin/avatars demo samples --subject woman --style realistic:4 --style watercolor:4 --style anime:4 $(ARGS)

test: setup ## Run the tests (ARGS: options of pytest)
	@.venv/bin/pytest --numprocesses 3 $(ARGS)

provider-check: .venv/ready ## Ask a simulator what we expect of a provider (PROVIDER), or with LIVE=1 itself, with SPEND=1 for an avatar (docs/providers.md)
	@.venv/bin/python -m pytest --quiet -p tests.contract.provider_check tests/contract/test_provider_check.py \
		$(if $(PROVIDER),--provider $(PROVIDER)) $(if $(LIVE),--live) $(if $(SPEND),--spend) $(ARGS)

chaos: .venv/ready ## Let faults strike many jobs and audit what becomes of them (JOBS, FAULTS each, SEED)
	@.venv/bin/python -m tests.chaos --jobs $(JOBS) --faults $(FAULTS) --seed $(SEED) $(ARGS)

bench: bench-$(BENCH) ## Measure what is promised to be fast and cheap (docs/benchmarks.md), or one: BENCH=photos, api, cost, copying, job, polling, cold, memory

# One after the other, whatever becomes of each: they measure the same machine.
bench-all: .venv/ready
	@$(MAKE) --no-print-directory --keep-going --jobs 1 $(addprefix bench-,$(BENCHMARKS)); ended=$$?; \
	.venv/bin/python -m benchmarks; exit $$ended

bench-photos: .venv-bench/ready
	@PYTHONPATH=layers/core .venv-bench/bin/python -m benchmarks.photos $(ARGS)

bench-cost: .venv/ready
	@.venv/bin/python -m benchmarks.cost $(ARGS)

bench-api: .venv/ready .venv-gates/ready
	@.venv/bin/python -m benchmarks.api $(ARGS)

bench-copying: .venv/ready
	@.venv/bin/python -m benchmarks.copying $(ARGS)

bench-polling: .venv/ready
	@.venv/bin/python -m benchmarks.polling $(ARGS)

bench-cold: .venv/ready .venv-gates/ready
	@.venv/bin/python -m benchmarks.cold $(ARGS)

bench-memory: .venv/ready .venv-gates/ready
	@.venv/bin/python -m benchmarks.memory $(ARGS)

bench-job: .venv/ready .venv-bench/ready
	@.venv/bin/python -m benchmarks.whole_job $(ARGS)

GATES := cfn-lint checkov cdk-nag parliament statelint secrets-check
EXPANDED := .local/gates/expanded.json

check: setup .venv-scanners/ready .venv-workflows/ready ## Run the linters and gates: code, template, permissions, secrets, locks (docs/gates.md)
	@$(MAKE) --no-print-directory --keep-going --jobs 2 --output-sync=target $(GATES) lint types template openapi-check workflows locks names

lint:
	.venv/bin/ruff check --quiet
	.venv/bin/ruff format --quiet --check

types:
	.venv/bin/mypy

template:
	.venv-gates/bin/sam validate --lint

# What the SAM source hides: roles, permissions, and the state machine in place.
expanded:
	@mkdir -p $(dir $(EXPANDED))
	@.venv/bin/python -m local.expand > $(EXPANDED)

cfn-lint: expanded
	.venv-gates/bin/cfn-lint $(EXPANDED)

checkov: expanded
	@.venv-scanners/bin/python -m gates.checkov $(EXPANDED)

cdk-nag: expanded
	@.venv-scanners/bin/python -m gates.cdk_nag $(EXPANDED)

parliament: expanded
	@.venv-scanners/bin/python -m gates.parliament $(EXPANDED)

statelint: expanded
	@.venv-scanners/bin/python -m gates.statelint $(EXPANDED)

secrets-check:
	@.venv-scanners/bin/python -m gates.secrets

secrets: .venv-scanners/ready ## Say that what looks like a secret now is none (gates/secrets.json)
	@.venv-scanners/bin/python -m gates.secrets --renew

check-gates: setup .venv-scanners/ready ## Plant a fault for every gate, and see it fail
	@.venv/bin/pytest -n 0 tests/gates/faults.py $(ARGS)

sbom: setup ## List what ships, and where it is from: CycloneDX, in out/sbom/
	@requirements/sbom out/sbom

openapi-check:
	.venv/bin/python -m avatars.api.openapi docs --check

# What GitHub runs, by its own schema and for what an attacker looks for; and what AWS lets it do.
workflows: .venv-workflows/ready
	.venv-workflows/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venv-workflows/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	.venv-workflows/bin/zizmor --quiet --offline --strict-collection --persona pedantic .github
	.venv-gates/bin/cfn-lint .github/aws.yaml

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

deploy: setup ## Deploy to an AWS account, asking for what only you know (ARGS: options of `avatars deploy`)
	@.venv/bin/avatars deploy $(ARGS)

teardown: .venv/ready ## Delete a stack on AWS, and say what stays (ARGS="--stack NAME")
	@.venv/bin/avatars teardown $(ARGS)

clean: ## Remove everything that was installed, built or run here
	rm -rf .venv .venv-gates .venv-scanners .venv-workflows .venv-bench .aws-sam .local .hypothesis .mypy_cache .pytest_cache .ruff_cache
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
	@echo "Installing the SAM CLI, cfn-lint and cyclonedx-py into .venv-gates (half a minute at most)"
	@test -x .venv-gates/bin/python || .venv/bin/python -m venv .venv-gates
	@$(call install,requirements/gates.txt,.venv-gates)
	@touch $@

.venv-workflows/ready: requirements/workflows.txt .venv/ready
	@echo "Installing what checks workflows into .venv-workflows (some seconds)"
	@test -x .venv-workflows/bin/python || .venv/bin/python -m venv .venv-workflows
	@$(call install,requirements/workflows.txt,.venv-workflows)
	@touch $@

.venv-scanners/ready: requirements/scanners.txt .venv/ready
	@echo "Installing checkov, cdk-nag and others into .venv-scanners (half a minute at most)"
	@test -x .venv-scanners/bin/python || .venv/bin/python -m venv .venv-scanners
	@$(call install,requirements/scanners.txt,.venv-scanners)
	@touch $@

.venv-bench/ready: requirements/bench.txt .venv/ready
	@echo "Installing what photos are compared with into .venv-bench (a minute at most)" >&2
	@test -x .venv-bench/bin/python || .venv/bin/python -m venv .venv-bench
	@$(call install,requirements/bench.txt,.venv-bench)
	@mkdir -p .venv-bench/sharp
	@command -v npm >/dev/null && npm install --silent --prefix .venv-bench/sharp --no-package-lock sharp@0.35.5 || rm -rf .venv-bench/sharp
	@touch $@
