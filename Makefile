# `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-sme up down test lint lock verify bench clean cluster-up cluster-down cluster-status demo-k8s test-cluster test-pods test-operator
SHELL := /bin/bash
PY := .venv/bin/python
RUN := PYTHONPATH=. $(PY)
UV := $(or $(shell command -v uv),.uv/bin/uv)
WORKERS ?= 3
# Every command here starts many processes; one that may not keep compiled modules starts seconds later.
unexport PYTHONDONTWRITEBYTECODE
SYNC = $(UV) pip sync -q --require-hashes

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/full .venv-mlserver/full jars ## install everything (Python packages with checked hashes, the Kafka and Spark jars)

demo: .venv/base jars-kafka ## the whole loop on this machine: events, features, training, serving, decisions
	@$(RUN) -m scoreops demo $(ARGS)

demo-sme: .venv/base ## SME Pulse on this machine: files, bronze, silver, gold, training, predictions, decisions
	@$(RUN) -m scoreops sme demo $(ARGS)

up: .venv/base jars-kafka ## start Kafka, Valkey and MLflow and leave them running
	@$(RUN) -m scoreops up

down: .venv/base ## stop whatever runs under .run
	@$(RUN) -m scoreops down

test: setup lint ## every check and every test
	@$(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone" $(ARGS)
	@$(RUN) -m pytest -m alone $(ARGS) || [ $$? = 5 ]

lint: .venv/full ## ruff, mypy --strict, import contracts
	@.venv/bin/ruff check -q .
	@.venv/bin/ruff format --check -q .
	@.venv/bin/mypy
	@PYTHONPATH=. .venv/bin/lint-imports --no-cache > .venv/imports.log || { cat .venv/imports.log; exit 1; }

CLUSTER = $(RUN) -m cluster

cluster-up: .venv/full ## a real Kubernetes of one node with KServe and a gateway, without Docker; needs root
	@$(CLUSTER) up $(ARGS)

cluster-down: .venv/full ## end it, or what a crash left of it
	@$(CLUSTER) down

cluster-status: .venv/full ## what of it runs
	@$(CLUSTER) status

demo-k8s: .venv/full jars-kafka ## models delivered on a real cluster under traffic: promoted, taken back, joined; needs root
	@$(CLUSTER) demo $(ARGS)

test-cluster: .venv/full ## the tests that need a cluster; each run has its own
	@$(CLUSTER) build
	@$(CLUSTER) images
	@$(MAKE) --no-print-directory -j2 test-pods test-operator

# Side by side, as much of it is waiting: what needs pods on one cluster, and by two workers the operator against API
# servers of its own and clusters that come and go, of which is told at the end.
IN_CLUSTER = $(RUN) -m pytest --timeout=900 $(ARGS)
test-pods:
	@$(IN_CLUSTER) tests/cluster --ignore=tests/cluster/operator --ignore=tests/cluster/test_life.py || [ $$? = 5 ]

BESIDE = -n 2 --dist loadfile --no-loadscope-reorder tests/cluster/operator tests/cluster/test_life.py
test-operator:
	@mkdir -p .run
	@$(IN_CLUSTER) $(BESIDE) > .run/test-operator.log 2>&1 || [ $$? = 5 ] || failed=1; cat .run/test-operator.log; exit $${failed:-0}

PIN = $(UV) pip compile --universal --generate-hashes --no-header --python-version 3.11 -q
COMPILE = $(PIN) pyproject.toml

lock: | $(UV) ## write the locks again after a change of pyproject.toml
	@$(COMPILE) --all-extras --group dev -o requirements/full.txt
	@$(COMPILE) -c requirements/full.txt -o requirements/base.txt
	@$(PIN) requirements/mlserver.in -o requirements/mlserver.txt
	@$(PIN) -c requirements/full.txt requirements/predictors.in -o requirements/predictors.txt

verify: .venv/full ## the locks hold what pyproject.toml asks for, and name no host
	@mkdir -p .venv/requirements && cp requirements/*.txt .venv/requirements
	@$(COMPILE) --all-extras --group dev -o .venv/requirements/full.txt
	@diff requirements/full.txt .venv/requirements/full.txt
	@$(COMPILE) -c requirements/full.txt -o .venv/requirements/base.txt
	@diff requirements/base.txt .venv/requirements/base.txt
	@$(PIN) requirements/mlserver.in -o .venv/requirements/mlserver.txt
	@diff requirements/mlserver.txt .venv/requirements/mlserver.txt
	@$(PIN) -c requirements/full.txt requirements/predictors.in -o .venv/requirements/predictors.txt
	@diff requirements/predictors.txt .venv/requirements/predictors.txt
	@! grep -nE 'https?://|index-url' requirements/*.txt

bench: .venv/full .venv-mlserver/full jars ## side-by-side measurements, saved under .run/bench
	@$(RUN) -m scoreops bench --all

clean: down ## remove state, environment and caches
	@test ! -d .run/cluster || $(CLUSTER) down
	@rm -rf .run .venv .venv-mlserver .mypy_cache .ruff_cache .pytest_cache

.PHONY: jars jars-kafka tools-java
jars: tools-java .venv/base
	@$(RUN) -m scoreops.local.jars kafka spark

jars-kafka: tools-java .venv/base
	@$(RUN) -m scoreops.local.jars kafka

tools-java:
	@command -v java >/dev/null || { echo "Java 17 is missing: apt-get install openjdk-17-jre-headless"; exit 1; }
	@command -v mvn >/dev/null || { echo "Maven is missing: apt-get install maven"; exit 1; }

# An environment is made once for each content of its lock; the full one also serves wherever the base one would do.

.uv/bin/uv:
	@command -v python3.11 >/dev/null || { echo "Python 3.11 is missing: apt-get install python3.11 python3.11-venv"; exit 1; }
	@python3.11 -m venv .uv && .uv/bin/pip install -q --disable-pip-version-check uv

.venv/bin/scoreops: | $(UV)
	@test -x $(PY) || $(UV) venv -q --python 3.11 .venv
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/.venv/bin/python" -m scoreops "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $@
	@chmod +x $@

.venv/full: requirements/full.txt .venv/bin/scoreops
	@echo "installing the full environment" && VIRTUAL_ENV=.venv $(SYNC) requirements/full.txt && touch .venv/base $@

.venv/base: requirements/base.txt .venv/bin/scoreops
	@test .venv/full -nt requirements/full.txt || { echo "installing the environment"; VIRTUAL_ENV=.venv $(SYNC) --compile-bytecode requirements/base.txt; }
	@touch $@

# MLServer pins other versions than ours: an environment of its own, for the conformance tests and the benchmark.
.venv-mlserver/full: requirements/mlserver.txt | $(UV)
	@test -x .venv-mlserver/bin/python || $(UV) venv -q --python 3.11 .venv-mlserver
	@echo "installing MLServer" && VIRTUAL_ENV=.venv-mlserver $(SYNC) requirements/mlserver.txt && touch $@
