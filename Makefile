# make demo    runs the walkthrough (the first time it also creates .venv and installs the locked dependencies)
# make test    runs every check that CI runs
PYTHON ?= python3
BIN := .venv/bin
# Two workers more than there are cores, because tests often wait for processes that they start (about 7 GB in all).
WORKERS := $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 2)")
# The order in which tests/conftest.py puts the files stays.
WORKING := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
.DEFAULT_GOAL := help
# Container images often set it. Without bytecode, each worker and each process of a test compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo setup test lint types imports unit without-services soak docs mutants kubectl-versions pythons dist smoke
.PHONY: images format lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

demo: ## run the walkthrough
	@$(PYTHON) scripts/bootstrap.py demo
	@$(BIN)/podrole demo $(ARGS)

setup: ## create .venv with everything that development needs
	@$(PYTHON) scripts/bootstrap.py dev

test: setup lint types imports unit ## run every check that CI runs

lint: ## ruff: lint and format check
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .

types: ## mypy, strict
	$(BIN)/mypy

imports: ## check which package may import which
	$(BIN)/lint-imports

unit: ## run the tests
	$(BIN)/pytest $(WORKING) $(ARGS)

without-services: setup ## run the tests of what works without the extra services, with moto hidden
	$(BIN)/python scripts/without_services.py $(or $(ARGS),$(WORKING))

soak: setup ## run the long tests, and properties with all examples (fifty minutes; PODROLE_MEMORY_MINUTES: that of memory)
	$(BIN)/pytest -m "soak or hypothesis" --hypothesis-profile soak --timeout 1800 $(ARGS)

docs: setup ## build the documentation site in build/site, check its links, and look at it with Chromium
	@$(PYTHON) scripts/bootstrap.py docs
	.venv-docs/bin/python scripts/site_diagrams.py
	rm -rf build/site
	.venv-docs/bin/sphinx-build -q -W --keep-going -b html docs build/site
	.venv-docs/bin/python scripts/check_site.py build/site
	$(BIN)/pytest -q -m site tests/scripts/test_built_site.py

mutants: setup ## find checks that no test misses (ARGS=oidc, ARGS=sts/tags.py; all of it takes hours)
	$(BIN)/python scripts/mutants.py $(ARGS)

kubectl-versions: setup ## run kubectl's tests with kubectl 1.30 and 1.34 as well
	$(BIN)/python scripts/kubectl_versions.py $(ARGS)

pythons: setup ## check types and syntax for the oldest and the newest Python that podrole declares
	for version in 11 14; do \
	    $(BIN)/mypy --python-version 3.$$version --cache-dir .mypy_cache/3.$$version && \
	    $(BIN)/ruff check -q --target-version py3$$version --select E9,F . || exit 1; \
	done

dist: setup ## build the sdist, the wheel and the SBOM of the last commit, twice, and compare
	rm -rf dist
	$(BIN)/python scripts/dist.py dist

smoke: dist ## install the built wheel and run every command, then each extra (ARGS=--uv=uv: the cold start too)
	$(BIN)/python scripts/smoke.py dist/*.whl --extras $(or $(EXTRAS),all) $(ARGS)

images: ## build and use both images without a daemon (root, buildah; BASE=image, or debootstrap makes one)
	$(BIN)/python scripts/images.py $(if $(BASE),--base $(BASE)) $(ARGS)

format: setup ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## resolve the dependencies again (needs uv; UPGRADE=1 takes newer versions)
	scripts/lock.sh

clean: ## remove .venv and the tools' caches
	rm -rf .venv .venv-docs build dist docs/reference .podrole .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
