# Two commands do everything, set-up included: `make report` and `make test`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
CORES ?= all

VENV := .venv
INSTALLED := $(VENV)/.installed
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

help: ## Say what there is to make
	@sed -nE 's/^([a-z./]+):.*## (.*)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

report: $(INSTALLED) ## Run the pipeline and write results/report.html
	snakemake --cores $(CORES)
	@echo 'The report is in results/report.html'

test: $(INSTALLED) lint ## Check the code and run the tests
	pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED) ## Check the form of the code, changing nothing
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow/rules
	mypy
	lint-imports
	snakemake --lint

format: $(INSTALLED) ## Put the code into form
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow/rules

dvc.yaml: $(INSTALLED) ## Write dvc.yaml anew from the Snakemake rules
	python workflow/dvc_stages.py

docs/configuration.md: $(INSTALLED) ## Write the page on the configuration anew from its schema
	python workflow/config_page.py

lock: ## Pin the newest packages that pyproject.toml allows, with hashes (needs uv)
	uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --upgrade --output-file requirements.lock

clean: ## Remove what the pipeline made, but for data/
	rm -rf results logs .snakemake

# Made once, and again only when a pin changes.
$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"nngp-lab needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}: name another with make PYTHON=...")'
	@echo 'Making $(VENV) from requirements.lock (once; a few minutes, about 6 GB)'
	$(PYTHON) -m venv --clear $(VENV)
	python -m pip install --quiet --require-hashes --requirement requirements.lock
	python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: help report test lint format dvc.yaml docs/configuration.md lock clean
