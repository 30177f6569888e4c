# make run   the node, with everything it needs, on embedded defaults
# make test  the checks and the tests
# make setup the environment alone (.venv)

PYTHON ?= python3
TORCH_VERSION := 2.13.0
TRITON_VERSION := 3.7.1
BIN := .venv/bin
# A machine with an NVIDIA driver takes the plain wheel (CUDA on Linux), any other asks for the CPU
# build first. Override for a special one: make setup TORCH="torch==2.13.0+cu130"
TORCH ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo torch==$(TORCH_VERSION) || echo torch==$(TORCH_VERSION)+cpu)

.DEFAULT_GOAL := help
.PHONY: help run setup setup-test test lint types floors unit soak train evaluate bench clean other-torch

help:
	@sed -n '1,3s/^# //p' Makefile
	@echo "make lint types floors unit   the parts of make test"
	@echo "make soak                     what is longer than a test: kills, random faults, fuzzing"
	@echo "make train evaluate           the embedded model: make it anew, score it"
	@echo "make bench [PEERS=all]        our engine beside others on the same weights and prompts"

run: setup
	@$(BIN)/planner-node serve $(ARGS)

setup: .venv/.ready
setup-test: .venv/.ready-test

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	@echo "→ virtual environment"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "No virtual environment; on Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }

# Another torch than the one that is there, asked for by name: pip takes 2.13.0+cpu for 2.13.0.
ifneq ($(origin TORCH),file)
ifneq ($(TORCH),$(shell cat .venv/.torch 2>/dev/null))
.venv/.ready: other-torch
endif
endif
other-torch: | .venv/bin/python
	@$(BIN)/python -m pip uninstall --quiet --yes torch

.venv/.ready: requirements.lock pyproject.toml | .venv/bin/python
	@echo "→ torch ($(TORCH))"
	@$(BIN)/python -m pip install "$(TORCH)" || $(BIN)/python -m pip install "torch==$(TORCH_VERSION)"
	@echo "$(TORCH)" > .venv/.torch
	@echo "→ pinned dependencies"
	@$(BIN)/python -m pip install --quiet -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.ready-test: .venv/.ready requirements-test.lock
	@echo "→ test dependencies"
	@$(BIN)/python -m pip install --quiet -r requirements-test.lock
	@[ "$$(uname -s)" != Linux ] || $(BIN)/python -c "import triton" 2>/dev/null || $(BIN)/python -m pip install --quiet triton==$(TRITON_VERSION)
	@touch $@

test: setup-test lint types floors unit

lint: setup-test
	@echo "→ ruff"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet .

types: setup-test
	@echo "→ mypy"
	@$(BIN)/mypy

floors: setup-test
	@echo "→ import floors"
	@$(BIN)/lint-imports

unit: setup-test
	@scripts/need-mosquitto
	@scripts/need-postgresql
	@echo "→ pytest"
	@$(BIN)/python -m pytest $(ARGS)

soak: setup-test
	@scripts/need-mosquitto
	@$(BIN)/python -m benchmarks.long $(ARGS)

# PEERS=all also makes the other engines' environments (gigabytes) and measures them all.
bench: setup-test
	@$(if $(filter all,$(PEERS)),$(BIN)/python -m benchmarks.peers.setup all)
	@$(BIN)/python -m benchmarks.peers.compare A $(if $(PEERS),B --peers $(PEERS)) $(ARGS)

train: setup
	@$(BIN)/python -m planner_node.training.train $(ARGS)
	@$(BIN)/python -m planner_node.training.export

evaluate: setup
	@$(BIN)/python -m planner_node.training.evaluate $(or $(ARGS),--model planner_node/models/embedded)

clean:
	rm -rf .venv build *.egg-info
