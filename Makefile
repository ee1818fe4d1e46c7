# Two commands matter: `make demo` and `make test`. `make help` lists all.
PYTHON ?= python3
RUN := .venv/bin/python

# Without compiled files each of Airflow's processes would take three times as long to start.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPATH := $(CURDIR)
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help demo test quick nightly faults bench check up down env lock clean venv venv-dev

help:  ## This list
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ {printf "%-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: venv  ## Play quarter 2026Q3 end to end; stays up until Ctrl-C (ONCE=1: ends by itself)
	@$(RUN) -m include.local demo $(if $(filter 1,$(ONCE)),--once) $(if $(QUARTERS),--quarters $(QUARTERS))

test: venv-dev  ## The whole test suite
	$(RUN) -m pytest -n 2

quick: venv-dev  ## The tests of single rooms, without those that start Airflow, play quarters or kill workers
	$(RUN) -m pytest -n 2 -m "not slow"

nightly: venv-dev  ## The state machines and the rule book at length: 2,000 courses of 50 steps, 16,000 spoilt needs
	HYPOTHESIS_PROFILE=nightly $(RUN) -m pytest -q tests/domain/test_state_machines.py tests/delivery/test_delivery_course.py \
		tests/gate/engine/test_against_the_handbook.py

SIZES ?= 10000,100000
bench: venv-dev  ## Measure gate, delivery, cases and escalation beside their peers and aims (SIZES=10000,100000,1000000)
	$(RUN) -m tests.bench gate --sizes $(SIZES)
	$(RUN) -m tests.bench delivery
	$(RUN) -m tests.bench cases --sizes $(SIZES)
	$(RUN) -m tests.bench escalation --sizes 10000
	$(RUN) -m tests.bench quarter

SEED ?= 1
faults: venv-dev  ## Kills, lost answers, outages, broken networks; judged from the receiver's side (SEED=1)
	$(RUN) -m tests.faults --seed $(SEED)

check: venv-dev  ## Lint, format, types, architecture, generated documents
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(RUN) -m include.rule_book.documents --check
	cd plugins && ../$(RUN) -m green_finance.dag_docs --check

up: venv  ## Start databases, sandbox and Airflow, and leave them running
	@$(RUN) -m include.local up

down: venv  ## Stop them
	@$(RUN) -m include.local down

env: venv  ## Write .local/env.sh for a shell; databases and sandbox run in the background until `make down`
	@$(RUN) -m include.local env

lock:  ## Resolve requirements*.in anew
	$(PYTHON) -m venv .local/lock
	.local/lock/bin/python -m pip install -q uv
	.local/lock/bin/uv pip compile -q --universal --upgrade --python-version 3.11 --no-header --no-annotate requirements.in -o requirements.txt
	.local/lock/bin/uv pip compile -q --universal --upgrade --python-version 3.11 --no-header --no-annotate requirements-dev.in -o requirements-dev.txt
	.local/lock/bin/uv pip compile -q --universal --upgrade --python-version 3.11 --no-header --no-annotate requirements-cluster.in -o requirements-cluster.txt

clean:  ## Stop everything; delete .local (all data) and .venv
	@if [ -x $(RUN) ] && [ -d .local ]; then $(RUN) -m include.local clean; fi
	rm -rf .venv .local

venv:
	@$(PYTHON) include/local/bootstrap.py requirements.txt

venv-dev:
	@$(PYTHON) include/local/bootstrap.py requirements.txt requirements-dev.txt
