# Two commands do everything, set-up included: `make report` and `make test`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Many containers set it. Then each of the hundreds of processes of a run would compile anew what it imports.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
CORES ?= all
# As they were given: `$` in the name of a file is not a variable of make.
override ONLY := $(value ONLY)
override CONFIG := $(value CONFIG)
export CORES ONLY CONFIG
FUZZ_SECONDS ?= 3600
FUZZ_SEED ?= random

# In all more than the cores: some tests wait for Slurm, for a server or for the end of a process.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PACKAGE_WORKERS ?= $(shell echo $$((($(WORKERS) + 1) / 3)))
PYTEST := pytest --dist loadfile --no-loadscope-reorder --numprocesses

# What waits for downloads, or has less to do than there are cores.
SIDE_BY_SIDE = $(MAKE) --no-print-directory --jobs=3
# The make of macOS is older, and does not have it.
OUTPUT_SYNC := $(addprefix --,$(filter output-sync,$(.FEATURES)))

# Versions for every platform and every Python from 3.11 on, and no address.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --upgrade

VENV := .venv
INSTALLED := $(VENV)/.installed
TESTS := $(VENV)/.tests
VISDOM := $(VENV)/.visdom
MPI := $(VENV)/.mpi
DOCS := $(VENV)/.docs
CLUSTER := $(VENV)/cluster
ENGINES := $(VENV)/engines
# The folder of the environment. PATH, the first line of a script and `activate` do not allow each character in its path:
# if that of this folder has one of them, the environment is in the user's cache, and .venv is a link to it.
export ENVIRONMENT := $(shell cd -P ./$(VENV) 2>/dev/null && pwd || case "$$(pwd -P)" in \
    (*[:\'\"\$$\\\`[:space:]]*) pwd -P | cksum | sed "s|\(.*\) .*|$${XDG_CACHE_HOME:-$$HOME/.cache}/nngp-lab/\1|" ;; \
    (*) echo "$$(pwd -P)/$(VENV)" ;; esac)
export PATH := $(ENVIRONMENT)/bin:$(value PATH)

help: ## List the targets
	@sed -nE 's/^([a-z./-]+):.*## (.*)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

report: $(INSTALLED) ## Run the pipeline and write results/report.html (ONLY=challenge CONFIG=my.yaml CORES=2: a part of it)
	@python workflow/make_report.py

install: $(INSTALLED) ## Create the environment in .venv

test: ## Check the code and run the tests (all but test-library, test-engines, test-slow-cpu and test-gpu)
	@$(SIDE_BY_SIDE) $(CLUSTER)/.installed $(MPI) style
	@$(SIDE_BY_SIDE) $(OUTPUT_SYNC) types test-package test-project

# With `+`, make shows the output as it comes. That of the others comes at their end.
test-project: $(TESTS)
	+$(PYTEST) $(WORKERS)

test-package: $(TESTS)
	cd packages/snakemake-dvc && $(PYTEST) $(PACKAGE_WORKERS)

test-engines: $(ENGINES)/.installed ## Test snakemake-dvc with the Snakemake and the DVC of the version before
	cd packages/snakemake-dvc && PATH="$$ENVIRONMENT/engines/bin:$$PATH" PYTHONPATH=src \
	    pytest tests/test_snakemake_contracts.py tests/test_dvc_contracts.py tests/test_executors.py

check: ## Check the code and run the unit tests (two minutes)
	@$(SIDE_BY_SIDE) lint
	$(PYTEST) $(WORKERS) tests/unit

fuzz: $(TESTS) ## Run the model-based test of snakemake-dvc for FUZZ_SECONDS (an hour)
	cd packages/snakemake-dvc && FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SEED=$(FUZZ_SEED) pytest -s tests/test_fuzz.py

test-slow-cpu: $(TESTS) ## Run the tests of results as on a CPU without AVX-512
	python -m tests.helpers.slow_cpu --numprocesses auto --dist loadfile

test-library: ## Test the library alone, with the oldest and the newest versions of what it needs
	$(PYTHON) -m tests.helpers.library

test-gpu: $(TESTS) ## Run the tests that need a GPU; fail if there is none
	@python -c 'import sys, torch; sys.exit(not torch.cuda.is_available() and "there is no GPU here that PyTorch sees: nothing is tested")'
	pytest -m gpu

visdom: $(VISDOM) ## Install visdom, which shows the images of Problem 4 in a browser

mpi: $(MPI) ## Install MPI and ScaLAPACK, for kernel regression on several machines

cluster: $(CLUSTER)/.installed ## Install the executor plugins of Snakemake for clusters
	@echo 'The profiles for clusters can be used: snakemake --profile profiles/slurm (see docs/cluster.md)'

lint: types style ## Check format, style and types

types: $(TESTS)
	mypy
	cd packages/snakemake-dvc && mypy

style: $(TESTS)
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow/Snakefile workflow/rules
	lint-imports
	snakemake --lint

format: $(TESTS) ## Format the code
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow/Snakefile workflow/rules

dvc.yaml: $(INSTALLED) ## Generate dvc.yaml from the Snakemake rules
	PYTHONPATH=packages/snakemake-dvc/src python -m snakemake_dvc stages

docs/configuration.md: $(INSTALLED) ## Generate docs/configuration.md and the lists in other pages
	PYTHONPATH=src python workflow/closed_forms.py
	python workflow/config_page.py

README.md: $(INSTALLED) ## Write the answers and the curve of the last run of the default configuration into README.md
	PYTHONPATH=src python workflow/readme.py

docs: $(DOCS) ## Build the site of the documentation; its first page is docs/_build/docs/index.html
	rm -rf docs/api  # of names that are no longer public
	sphinx-build --quiet --fail-on-warning -c docs . docs/_build

sessions: $(TESTS) ## Run the sessions shown in the docs, and update their pages
	python -m tests.pipeline.test_sessions

lock: ## Pin the newest packages that pyproject.toml allows, with hashes (needs uv)
	$(LOCK) pyproject.toml --extra pipeline --output-file requirements.lock
	for extra in test docs visdom cluster mpi; do \
	    python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["'$$extra'"])' \
	        | tr ' ' '\n' | $(LOCK) - --constraints requirements.lock \
	        $$(sed -nE 's/^([^ =]+)==.*/--no-emit-package \1/p' requirements.lock) \
	        $$([ $$extra = test ] || echo --constraints requirements-test.lock) \
	        --build-constraints <(echo 'setuptools<81') --output-file requirements-$$extra.lock; \
	done
	for versions in oldest newest; do \
	    sed -nE 's/^((hypothesis|mpmath|pytest)==[^ ]+).*/\1/p' requirements.lock requirements-test.lock \
	        | $(LOCK) - pyproject.toml --output-file requirements-$$versions.lock \
	        $$([ $$versions = newest ] || echo requirements-oldest.in --resolution lowest-direct); \
	done

clean: ## Remove results and logs, but not data
	git clean -dfqx results logs .snakemake

# Made once, and again only when a pin changes.
$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"nngp-lab needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}: name another with make PYTHON=...")'
	@[[ $$PWD != *$$'\n'* ]] || { echo 'pip cannot install into a folder with a line break in its path: rename it' >&2; exit 1; }
	@echo 'Making $(VENV) from requirements.lock (once; a few minutes, about 6 GB)'
	@mkdir -p "$$ENVIRONMENT"
	@[ $(VENV) -ef "$$ENVIRONMENT" ] || ln -sfn "$$ENVIRONMENT" $(VENV)
	@$(PYTHON) -m venv --clear "$$ENVIRONMENT"
	@# pip unpacks on one core: PyTorch and NVIDIA's libraries are half of the work.
	@awk '/^[^ ]/ { half = /^(nvidia-|torch)/ ? "pytorch" : "others" } { print > ("$(VENV)/" half ".txt") }' requirements.lock
	@printf '%s\n' pytorch others | xargs -P 2 -I {} python -m pip install --quiet --no-deps --no-compile --require-hashes --requirement $(VENV)/{}.txt
	@python -m pip install --quiet --no-compile --no-deps --no-build-isolation --editable . --editable packages/snakemake-dvc
	@touch $@

# After visdom, which its own tests need and some of whose packages are among these.
$(TESTS): $(VISDOM) requirements-test.lock
	python -m pip install --quiet --no-compile --no-deps --require-hashes --requirement requirements-test.lock
	touch $@

# Beside the rest, so that it is never in their way: visdom comes as source, which only setuptools before 81 can build.
# Old versions of pip would build it with the setuptools of the environment without --use-pep517.
$(VISDOM): $(INSTALLED) requirements-visdom.lock
	echo 'setuptools<81' >$(VENV)/visdom-build.txt
	PIP_CONSTRAINT="$$ENVIRONMENT/visdom-build.txt" PIP_BUILD_CONSTRAINT="$$ENVIRONMENT/visdom-build.txt" \
	    python -m pip install --quiet --no-compile --use-pep517 --no-deps --require-hashes --requirement requirements-visdom.lock
	touch $@

# Not in a folder of its own: `pip install --target` leaves out the libraries in lib, which is where mpi4py looks for MPI.
$(MPI): $(INSTALLED) requirements-mpi.lock
	python -m pip install --quiet --no-compile --no-deps --require-hashes --requirement requirements-mpi.lock
	touch $@

$(DOCS): $(INSTALLED) requirements-docs.lock
	python -m pip install --quiet --no-compile --no-deps --require-hashes --requirement requirements-docs.lock
	touch $@

# Apart from the rest: each start of Snakemake loads every executor that it finds, and that of Slurm asks the cluster.
# snakemake-dvc lets Snakemake find this folder if a command or its profile asks for one of these executors.
$(CLUSTER)/.installed: $(INSTALLED) requirements-cluster.lock
	rm -rf $(CLUSTER)
	python -m pip install --quiet --no-compile --no-deps --require-hashes --target $(CLUSTER) --requirement requirements-cluster.lock
	touch $@

# Snakemake and DVC of the version before: snakemake-dvc is tested with both.
# In the folder of the other environment, which is cleared first.
$(ENGINES)/.installed: $(INSTALLED) requirements-engines.lock
	$(PYTHON) -m venv --clear "$$ENVIRONMENT/engines"
	"$$ENVIRONMENT/engines/bin/python" -m pip install --quiet --no-compile --require-hashes --requirement requirements-engines.lock
	touch $@

.PHONY: docs help report install test test-project test-package test-engines check fuzz test-slow-cpu test-library test-gpu visdom mpi cluster lint types style format dvc.yaml docs/configuration.md README.md sessions lock clean
