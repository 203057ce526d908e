# The two commands a new machine needs: `make demo` and `make test`. `make help` lists the rest.
# Everything Python is in .venv, as pinned in requirements.lock.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# tests and lab write nothing beside their source
export PYTHONDONTWRITEBYTECODE = 1

# One section of the lab's README, by how its heading begins: so it is said in one place only.
section = awk '/^\#\# /{on = index($$0, "\#\# $(1)") == 1} on' lab/README.md

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: .venv/ready ## a lab of real hosts on this machine, and the whole deploy on it
	@$(call section,What it adds to the machine)
	python -m lab up
	@$(call section,What is real)
	python -m lab exec -- pyinfra -y lab/inventory.py deploy.py
	@python -m lab url

test: lint machine unit lab-test ## everything: lint, types, unit tests, and the tests on the lab

lint: .venv/ready ## ruff and mypy
	ruff check .
	ruff format --check .
	mypy

machine: .venv/ready ## what the tests need of this machine, installed with apt-get
	python -m lab.machine

unit: .venv/ready ## tests without a host, on every processor
	pytest tests/unit --numprocesses auto --dist loadfile

lab-test: .venv/ready ## tests on the lab's real hosts
	python -m pytest tests/lab --durations 30

faults: .venv/ready ## the full fault matrix on the lab, each fault from a clean lab: long, and not in CI
	python -m pytest tests/lab --faults

lock: .venv/ready ## pin the newest versions that pyproject.toml allows
	uv pip compile --universal --generate-hashes --no-header --python-version 3.11 --all-extras \
		--upgrade pyproject.toml -o requirements.lock

.venv/ready: requirements.lock
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "installing python3-venv with apt-get: this machine's Python cannot make an environment"; \
		apt-get update -q && apt-get install -y -q python3-venv; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

.PHONY: help demo test lint machine unit lab-test faults lock
